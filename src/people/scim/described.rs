//! Says what this server of SCIM can do.
//!
//! In: where it is. Out: the documents that providers and administrators look at.
//!
//! RFC 7643 5, 6, 7; RFC 7644 4.

use serde_json::{Value, json};

use super::entry::Kind;

/// What is supported.
pub(super) fn config(base: &str) -> Value {
    let no = json!({ "supported": false });
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": super::MOST_SHOWN },
        "changePassword": no,
        "sort": no,
        "etag": { "supported": true },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "a token that the operator made, in `authorization: Bearer`",
            "primary": true,
        }],
        "meta": {
            "resourceType": "ServiceProviderConfig",
            "location": format!("{base}/ServiceProviderConfig"),
        },
    })
}

/// What there is.
pub(super) fn resource_type(kind: Kind, base: &str) -> Value {
    let word = kind.word();
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": word,
        "name": word,
        "endpoint": format!("/{word}s"),
        "schema": kind.schema(),
        "schemaExtensions": [],
        "meta": {
            "resourceType": "ResourceType",
            "location": format!("{base}/ResourceTypes/{word}"),
        },
    })
}

/// What is kept of it.
pub(super) fn schema(kind: Kind, base: &str) -> Value {
    let external = attribute("externalId", "string", false, true, "none");
    let attributes = match kind {
        Kind::User => vec![
            attribute("userName", "string", true, false, "server"),
            external,
            attribute("displayName", "string", false, false, "none"),
            attribute("active", "boolean", false, false, "none"),
        ],
        Kind::Group => vec![
            attribute("displayName", "string", true, false, "server"),
            external,
            members(),
        ],
    };
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": kind.schema(),
        "name": kind.word(),
        "description": "what is kept of it; anything else is read over",
        "attributes": attributes,
        "meta": {
            "resourceType": "Schema",
            "location": format!("{base}/Schemas/{}", kind.schema()),
        },
    })
}

fn attribute(name: &str, of: &str, required: bool, exact: bool, unique: &str) -> Value {
    json!({
        "name": name,
        "type": of,
        "multiValued": false,
        "description": "",
        "required": required,
        "caseExact": exact,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": unique,
    })
}

fn members() -> Value {
    json!({
        "name": "members",
        "type": "complex",
        "multiValued": true,
        "description": "",
        "required": false,
        "caseExact": false,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": "none",
        "subAttributes": [{
            "name": "value",
            "type": "string",
            "multiValued": false,
            "description": "the id of a user",
            "required": true,
            "caseExact": true,
            "mutability": "immutable",
            "returned": "default",
            "uniqueness": "none",
        }],
    })
}
