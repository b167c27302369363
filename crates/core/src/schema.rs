//! Schemas of text, for the description of the API (the feature `openapi`).

/// The schema of a type that is text of one form; the type checks the form itself.
#[macro_export]
#[doc(hidden)]
macro_rules! text_schema {
    ($name:ident, $pattern:literal) => {
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({"type": "string", "pattern": $pattern})
            }
        }
    };
}
