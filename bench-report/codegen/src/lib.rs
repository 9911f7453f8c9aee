//! Tells a program how the compiler was told to make it: its level of optimisation, its LTO, its codegen units.
//!
//! Cargo takes these from a manifest, from configuration files, from the environment and from its command line, and tells a
//! build script the first of them alone. A macro is expanded inside the compiler, whose arguments have the answer.

use proc_macro::{Literal, TokenStream, TokenTree};

/// Becomes the value of an option of code generation with which the crate that it stands in is compiled: `option!("lto")`. Where
/// none is given it is "default", which is level 0 of optimisation.
#[proc_macro]
pub fn option(name: TokenStream) -> TokenStream {
    let name = name.to_string();
    let arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let value = value(&arguments.collect::<Vec<_>>(), name.trim_matches('"'));
    TokenTree::from(Literal::string(&value)).into()
}

/// Returns the value of an option in the arguments of the compiler.
fn value(arguments: &[String], name: &str) -> String {
    // A command line that is too long for the system comes in a file.
    if arguments.iter().any(|argument| argument.starts_with('@')) {
        return "unknown".to_owned();
    }
    let before = [""].into_iter().chain(arguments.iter().map(String::as_str));
    let options = before.zip(arguments).filter_map(|(before, argument)| match before {
        "-C" | "--codegen" => Some(&**argument),
        _ => argument.strip_prefix("-C").or_else(|| argument.strip_prefix("--codegen=")),
    });
    let of_name = options.filter_map(|option| match option.split_once('=') {
        Some((key, value)) => (key == name).then_some(value),
        // `-C lto` is all of it.
        None => (option == name).then_some("fat"),
    });
    // Of several the last counts.
    of_name.last().unwrap_or(if name == "opt-level" { "0" } else { "default" }).to_owned()
}

#[cfg(test)]
mod tests {
    use super::value;

    fn of(arguments: &str, name: &str) -> String {
        let arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
        value(&arguments, name)
    }

    #[test]
    fn the_last_option_of_a_name_counts_however_it_is_written() {
        let arguments = "rustc a.rs -C lto=thin -Copt-level=3 -C codegen-units=16 --codegen=codegen-units=4";
        assert_eq!(["lto", "opt-level", "codegen-units"].map(|name| of(arguments, name)), ["thin", "3", "4"]);
        assert_eq!(of("rustc -C lto --codegen opt-level=s", "lto"), "fat");
        assert_eq!(of("rustc -C lto --codegen opt-level=s", "opt-level"), "s");
    }

    #[test]
    fn what_is_not_given_is_what_the_compiler_takes() {
        let found = ["lto", "opt-level", "codegen-units"].map(|name| of("rustc --crate-name lto", name));
        assert_eq!(found, ["default", "0", "default"]);
        assert_eq!(of("rustc @arguments -C lto=fat", "lto"), "unknown");
    }
}
