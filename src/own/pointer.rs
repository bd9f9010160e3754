//! The page behind the link to a decision: it says where the decision is told.
//!
//! In: an arrival for `/.stile/d` or `/.stile/d/ID`. Out: a small page that is the same for every id.
//!
//! A link in a job's log is opened by whoever reads the log, in a browser that has no token. Nothing
//! of a decision is shown to somebody who is not known, not even whether there is such a decision.

use bytes::Bytes;
use http::Method;

use super::Shown;
use crate::listen::Arrival;

/// Whether an arrival asks for this page.
pub fn pointed_at(arrival: &Arrival) -> bool {
    let path = arrival.path();
    let id = path.strip_prefix("/.stile/d");
    let is_id = |id: &str| id.is_empty() || id.strip_prefix('/').is_some_and(is_uuid);
    arrival.method() == Method::GET && id.is_some_and(is_id)
}

fn is_uuid(id: &str) -> bool {
    id.len() == 36 && uuid::Uuid::try_parse(id).is_ok()
}

/// The page.
pub fn pointer() -> Shown {
    Shown {
        media_type: "text/plain; charset=utf-8",
        body: Bytes::from_static(PAGE.as_bytes()),
    }
}

const PAGE: &str = "\
A decision of stile, the proxy in front of this API.

What was asked, what was decided and why is told to whoever asked, and to nobody else here:

  in the job        its log has the reason and what would help; so has
                    GET /.stile/me/report with the job's token
  as an operator    stile explain ID                      why, check by check
                    stile explain ID --emit-binding       the smallest binding that allows it
                    stile audit query 'id:ID'             the record
  in a browser      /.stile/console/decision?id=ID, where there is a console
                    and policies let you look
  what may I do?    GET /.stile/me with your token

ID is the last part of the address of this page.
";
