//! Says where OTLP has attributes.
//!
//! In: nothing. Out: for each message on the way to an attribute, the fields that lead there, by
//! number for Protobuf and by name for JSON. One table for both.
//!
//! Messages of OTLP before 0.19 are here, too: receivers still read them, and what they call labels
//! or instrumentation library must not be a way around.
//!
//! opentelemetry-proto 1.x, and 0.5 to 0.18 for the older fields.

/// One message.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) lines: &'static [Line],
}

/// What is done with a message beside stripping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It has one resource, which is made where it lacks.
    Block,
    /// The resource: the facts are set on it.
    Resource,
    /// Nothing more.
    Plain,
}

/// One field.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) number: u32,
    pub(super) camel: &'static str,
    pub(super) snake: &'static str,
    pub(super) leads_to: LeadsTo,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum LeadsTo {
    /// One message.
    One(&'static Shape),
    /// A list of messages.
    Many(&'static Shape),
    /// A list of keys with values.
    Attributes,
}

use LeadsTo::{Attributes, Many, One};

const fn line(number: u32, camel: &'static str, snake: &'static str, leads_to: LeadsTo) -> Line {
    Line {
        number,
        camel,
        snake,
        leads_to,
    }
}

const fn plain(lines: &'static [Line]) -> Shape {
    Shape {
        kind: Kind::Plain,
        lines,
    }
}

const fn block(lines: &'static [Line]) -> Shape {
    Shape {
        kind: Kind::Block,
        lines,
    }
}

/// The number of a block's resource, and of a resource's attributes.
pub(super) const FIRST: u32 = 1;

static RESOURCE: Shape = Shape {
    kind: Kind::Resource,
    lines: &[line(FIRST, "attributes", "attributes", Attributes)],
};
static SCOPE: Shape = plain(&[line(3, "attributes", "attributes", Attributes)]);

/// An export of traces.
pub(super) static TRACES: Shape = plain(&[line(
    1,
    "resourceSpans",
    "resource_spans",
    Many(&RESOURCE_SPANS),
)]);
static RESOURCE_SPANS: Shape = block(&[
    line(FIRST, "resource", "resource", One(&RESOURCE)),
    line(2, "scopeSpans", "scope_spans", Many(&SCOPE_SPANS)),
    line(
        1000,
        "instrumentationLibrarySpans",
        "instrumentation_library_spans",
        Many(&SCOPE_SPANS),
    ),
]);
static SCOPE_SPANS: Shape = plain(&[
    line(1, "scope", "scope", One(&SCOPE)),
    line(2, "spans", "spans", Many(&SPAN)),
]);
static SPAN: Shape = plain(&[
    line(9, "attributes", "attributes", Attributes),
    line(11, "events", "events", Many(&EVENT)),
    line(13, "links", "links", Many(&LINK)),
]);
static EVENT: Shape = plain(&[line(3, "attributes", "attributes", Attributes)]);
static LINK: Shape = plain(&[line(4, "attributes", "attributes", Attributes)]);

/// An export of logs.
pub(super) static LOGS: Shape = plain(&[line(
    1,
    "resourceLogs",
    "resource_logs",
    Many(&RESOURCE_LOGS),
)]);
static RESOURCE_LOGS: Shape = block(&[
    line(FIRST, "resource", "resource", One(&RESOURCE)),
    line(2, "scopeLogs", "scope_logs", Many(&SCOPE_LOGS)),
    line(
        1000,
        "instrumentationLibraryLogs",
        "instrumentation_library_logs",
        Many(&SCOPE_LOGS),
    ),
]);
static SCOPE_LOGS: Shape = plain(&[
    line(1, "scope", "scope", One(&SCOPE)),
    line(2, "logRecords", "log_records", Many(&LOG_RECORD)),
    line(2, "logs", "logs", Many(&LOG_RECORD)),
]);
static LOG_RECORD: Shape = plain(&[line(6, "attributes", "attributes", Attributes)]);

/// An export of metrics.
pub(super) static METRICS: Shape = plain(&[line(
    1,
    "resourceMetrics",
    "resource_metrics",
    Many(&RESOURCE_METRICS),
)]);
static RESOURCE_METRICS: Shape = block(&[
    line(FIRST, "resource", "resource", One(&RESOURCE)),
    line(2, "scopeMetrics", "scope_metrics", Many(&SCOPE_METRICS)),
    line(
        1000,
        "instrumentationLibraryMetrics",
        "instrumentation_library_metrics",
        Many(&SCOPE_METRICS),
    ),
]);
static SCOPE_METRICS: Shape = plain(&[
    line(1, "scope", "scope", One(&SCOPE)),
    line(2, "metrics", "metrics", Many(&METRIC)),
]);
static METRIC: Shape = plain(&[
    line(5, "gauge", "gauge", One(&NUMBERS)),
    line(7, "sum", "sum", One(&NUMBERS)),
    line(9, "histogram", "histogram", One(&HISTOGRAM)),
    line(
        10,
        "exponentialHistogram",
        "exponential_histogram",
        One(&EXPONENTIAL),
    ),
    line(11, "summary", "summary", One(&SUMMARY)),
    line(12, "metadata", "metadata", Attributes),
    line(4, "intGauge", "int_gauge", One(&NUMBERS)),
    line(6, "intSum", "int_sum", One(&NUMBERS)),
    line(8, "intHistogram", "int_histogram", One(&HISTOGRAM)),
    line(5, "doubleGauge", "double_gauge", One(&NUMBERS)),
    line(7, "doubleSum", "double_sum", One(&NUMBERS)),
    line(9, "doubleHistogram", "double_histogram", One(&HISTOGRAM)),
    line(11, "doubleSummary", "double_summary", One(&SUMMARY)),
]);
static NUMBERS: Shape = plain(&[line(1, "dataPoints", "data_points", Many(&NUMBER))]);
static NUMBER: Shape = plain(&[
    line(7, "attributes", "attributes", Attributes),
    line(5, "exemplars", "exemplars", Many(&EXEMPLAR)),
    line(1, "labels", "labels", Attributes),
]);
static HISTOGRAM: Shape = plain(&[line(1, "dataPoints", "data_points", Many(&BUCKETS))]);
static BUCKETS: Shape = plain(&[
    line(9, "attributes", "attributes", Attributes),
    line(8, "exemplars", "exemplars", Many(&EXEMPLAR)),
    line(1, "labels", "labels", Attributes),
]);
static EXPONENTIAL: Shape = plain(&[line(
    1,
    "dataPoints",
    "data_points",
    Many(&EXPONENTIAL_BUCKETS),
)]);
static EXPONENTIAL_BUCKETS: Shape = plain(&[
    line(1, "attributes", "attributes", Attributes),
    line(11, "exemplars", "exemplars", Many(&EXEMPLAR)),
]);
static SUMMARY: Shape = plain(&[line(1, "dataPoints", "data_points", Many(&QUANTILES))]);
static QUANTILES: Shape = plain(&[
    line(7, "attributes", "attributes", Attributes),
    line(1, "labels", "labels", Attributes),
]);
static EXEMPLAR: Shape = plain(&[
    line(7, "filteredAttributes", "filtered_attributes", Attributes),
    line(1, "filteredLabels", "filtered_labels", Attributes),
]);
