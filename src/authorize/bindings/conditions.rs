//! Turns what narrows a binding into conditions of Cedar.
//!
//! In: its options and who has it. Out: conditions that must all hold; a fault for an option that
//! such a holder cannot have.

use super::file::BindingLines;
use super::{Holder, Kind, Reading};
use crate::authorize::directory::is_plain_path;
use crate::authorize::hours::Hours;
use crate::setup_error::Code;

impl Reading<'_> {
    /// What narrows it, and the hours among that.
    pub(super) fn conditions(
        &mut self,
        lines: &BindingLines,
        holder: &Holder,
        all: &mut Vec<String>,
    ) -> Option<Hours> {
        if holder.kind == Kind::Jobs {
            all.push("principal.ref_protected".to_owned());
            all.push("!principal.from_fork".to_owned());
            all.push("principal.pipeline_source != \"merge_request_event\"".to_owned());
        }
        if let Some(own) = lines.own.as_ref().filter(|own| own.value) {
            match &holder.slot {
                Some(("Team", team)) => {
                    all.push(format!(
                        "resource has owner && resource.owner == Team::\"{team}\""
                    ));
                }
                _ => {
                    let fault = "`own` needs a team: only teams own things";
                    self.fault(own.referenced, Code::WrongCondition, fault);
                }
            }
        }
        if let Some(mfa) = lines.mfa.as_ref().filter(|mfa| mfa.value) {
            match holder.kind {
                Kind::People => all.push("principal.mfa".to_owned()),
                _ => {
                    let fault = "`mfa` is for people: use it with `team`";
                    self.fault(mfa.referenced, Code::WrongCondition, fault);
                }
            }
        }
        if let Some(env) = &lines.env {
            let name = &env.value;
            match (holder.kind, is_plain_path(name)) {
                (Kind::Jobs, true) => all.push(format!(
                    "principal has environment && principal.environment == \"{name}\" && \
                     principal has environment_protected && principal.environment_protected"
                )),
                (Kind::Jobs, false) => {
                    let fault = format!("`{name}` is no plain name for an environment");
                    self.fault(env.referenced, Code::NotPlain, fault);
                }
                _ => {
                    let fault = "`env` is for jobs: use it with `ci`";
                    self.fault(env.referenced, Code::WrongCondition, fault);
                }
            }
        }
        if let Some(hours) = &lines.hours {
            match Hours::read(&hours.value, self.zone) {
                Ok(read) => {
                    all.push(read.condition());
                    return Some(read);
                }
                Err(fault) => self.fault(hours.referenced, Code::WrongForm, fault),
            }
        }
        None
    }
}
