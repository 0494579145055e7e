//! Messages that JSON writes in a form of their own.

/// How JSON writes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// An object with a member per field.
    Object,
    /// An object with `@type`.
    Any,
    /// An RFC 3339 string.
    Timestamp,
    /// Seconds as a string ending in `s`.
    Duration,
    /// Paths in lower camel case, separated by commas.
    FieldMask,
    /// The bare value of field 1.
    Wrapper,
    /// Any object.
    Struct,
    /// Any value.
    Value,
    /// Any array.
    ListValue,
}

impl Form {
    /// The form of the message with this full name.
    pub(crate) fn of(full_name: &str) -> Self {
        let Some(name) = full_name.strip_prefix("google.protobuf.") else {
            return Self::Object;
        };
        match name {
            "Any" => Self::Any,
            "Timestamp" => Self::Timestamp,
            "Duration" => Self::Duration,
            "FieldMask" => Self::FieldMask,
            "Struct" => Self::Struct,
            "Value" => Self::Value,
            "ListValue" => Self::ListValue,
            "DoubleValue" | "FloatValue" | "Int64Value" | "UInt64Value" | "Int32Value"
            | "UInt32Value" | "BoolValue" | "StringValue" | "BytesValue" => Self::Wrapper,
            _ => Self::Object,
        }
    }

    /// True where one string, number or boolean holds the message, so that it can stand in a path or a query.
    pub(crate) fn is_scalar(self) -> bool {
        matches!(
            self,
            Self::Timestamp | Self::Duration | Self::FieldMask | Self::Wrapper
        )
    }
}
