//! Describes `stile.yaml` to editors, as a JSON Schema.
//!
//! In: the structs of `config/file.rs`. Out: JSON Schema 2020-12.
//!
//! Put `# yaml-language-server: $schema=stile.schema.json` on the first line of the file.

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, generate::SchemaSettings};

use super::file::File;

/// The schema of the settings file.
pub fn schema() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12();
    let mut schema = settings.into_generator().into_root_schema_for::<File>();
    RecursiveTransform(without_null_default).transform(&mut schema);
    schema.insert("title".into(), "stile.yaml".into());
    schema.to_value()
}

/// A value without a default is absent, never null.
fn without_null_default(schema: &mut Schema) {
    if let Some(properties) = schema.get_mut("properties").and_then(|p| p.as_object_mut()) {
        for property in properties.values_mut() {
            let Some(property) = property.as_object_mut() else {
                continue;
            };
            if property
                .get("default")
                .is_some_and(|preset| !is_whole(preset))
            {
                property.remove("default");
            }
        }
    }
}

/// Whether nothing in a default is null.
fn is_whole(preset: &serde_json::Value) -> bool {
    match preset {
        serde_json::Value::Null => false,
        serde_json::Value::Array(list) => list.iter().all(is_whole),
        serde_json::Value::Object(keys) => keys.values().all(is_whole),
        _ => true,
    }
}
