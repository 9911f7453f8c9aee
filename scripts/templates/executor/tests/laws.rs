//! {{Type}} keeps the laws of the contract.

mod lane {
    // Add `timer`, `remote` and `restart` once it has what they ask for.
    executor_api::conformance!(executor_{{crate}}::{{Type}}: tasks, blocking);
}
