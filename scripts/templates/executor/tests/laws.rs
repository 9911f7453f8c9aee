//! Checks the laws of the contract on {{name}}.

mod lane {
    // Add `timer`, `remote` and `restart` once it implements those contracts.
    executor_api::conformance!(executor_{{crate}}::{{Type}}: tasks, blocking);
}
