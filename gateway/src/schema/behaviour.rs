//! What `google.api.field_behavior` says of fields (AIP-203).

use prost_reflect::{FieldDescriptor, Value};

const OPTION: &str = "google.api.field_behavior";
/// Numbers of `google.api.FieldBehavior`: answers alone have it, requests alone do, and it says which resource it is.
const OUTPUT_ONLY: i32 = 3;
const INPUT_ONLY: i32 = 4;
const IDENTIFIER: i32 = 8;

/// True for a field that no request changes.
pub(super) fn is_output_only(field: &FieldDescriptor) -> bool {
    is_any_of(field, &[OUTPUT_ONLY, IDENTIFIER])
}

/// True for a field that no answer has.
pub(super) fn is_input_only(field: &FieldDescriptor) -> bool {
    is_any_of(field, &[INPUT_ONLY])
}

fn is_any_of(field: &FieldDescriptor, behaviours: &[i32]) -> bool {
    let pool = field.parent_pool();
    let Some(extension) = pool.get_extension_by_name(OPTION) else {
        return false;
    };
    let options = field.options();
    if !options.has_extension(&extension) {
        return false;
    }
    let option = options.get_extension(&extension);
    let mut numbers = option.as_list().unwrap_or_default().iter();
    numbers.any(|it| matches!(it, Value::EnumNumber(number) if behaviours.contains(number)))
}
