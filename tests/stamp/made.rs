//! Telemetry made at random, and what should be left of it: a second opinion over decoded messages.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram,
    HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary,
    SummaryDataPoint, exemplar, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// Names that go, in many spellings.
pub(crate) const STRIPPED: &[&str] = &[
    "vcs.ref.head.revision",
    "vcs.repository.url.full",
    "VCS.Ref.Head.Name",
    "vcs_ref_head_name",
    "vcs",
    " vcs.change.id",
    "cicd.pipeline.run.id",
    "cicd-pipeline-name",
    "deployment.environment",
    "deployment.environment.name",
    "\tdeployment.id",
];

/// Names that stay, near to them.
pub(crate) const KEPT: &[&str] = &[
    "",
    "service.name",
    "service.version",
    "vcsx.ref",
    "my.vcs.ref",
    "k8s.deployment.name",
    "http.route",
    "ключ",
    "a\"b\\c",
];

/// A source of choices that a failure can be repeated with.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % most
    }

    fn many<T>(&mut self, most: usize, mut one: impl FnMut(&mut Dice) -> T) -> Vec<T> {
        (0..self.below(most)).map(|_| one(self)).collect()
    }

    fn maybe<T>(&mut self, one: impl FnOnce(&mut Dice) -> T) -> Option<T> {
        (self.below(4) > 0).then(|| one(self))
    }

    fn text(&mut self) -> String {
        let length = [0, 3, 20, 127, 128, 300][self.below(6)];
        "x".repeat(length)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }

    fn value(&mut self, depth: usize) -> AnyValue {
        let value = match self.below(if depth < 3 { 7 } else { 5 }) {
            0 => Value::StringValue(self.text()),
            1 => Value::IntValue(self.below(1 << 40) as i64 - (1 << 39)),
            2 => Value::DoubleValue(self.below(1000) as f64 / 8.0),
            3 => Value::BoolValue(self.below(2) == 1),
            4 => Value::BytesValue(self.bytes(5)),
            5 => Value::ArrayValue(ArrayValue {
                values: self.many(3, |dice| dice.value(depth + 1)),
            }),
            _ => Value::KvlistValue(KeyValueList {
                values: self.many(3, |dice| dice.attribute(depth + 1)),
            }),
        };
        AnyValue { value: Some(value) }
    }

    fn attribute(&mut self, depth: usize) -> KeyValue {
        let names = [STRIPPED, KEPT][self.below(2)];
        KeyValue {
            key: names[self.below(names.len())].to_owned(),
            value: self.maybe(|dice| dice.value(depth)),
            ..KeyValue::default()
        }
    }

    fn attributes(&mut self) -> Vec<KeyValue> {
        self.many(5, |dice| dice.attribute(0))
    }

    fn resource(&mut self) -> Option<Resource> {
        self.maybe(|dice| Resource {
            attributes: dice.attributes(),
            dropped_attributes_count: dice.below(3) as u32,
            ..Resource::default()
        })
    }

    fn scope(&mut self) -> Option<InstrumentationScope> {
        self.maybe(|dice| InstrumentationScope {
            name: dice.text(),
            version: dice.text(),
            attributes: dice.attributes(),
            ..InstrumentationScope::default()
        })
    }

    pub(crate) fn traces(&mut self) -> ExportTraceServiceRequest {
        let resource_spans = self.many(4, |dice| ResourceSpans {
            resource: dice.resource(),
            scope_spans: dice.many(3, |dice| ScopeSpans {
                scope: dice.scope(),
                spans: dice.many(4, Dice::span),
                schema_url: dice.text(),
            }),
            schema_url: dice.text(),
        });
        ExportTraceServiceRequest { resource_spans }
    }

    fn span(&mut self) -> Span {
        Span {
            trace_id: self.bytes(16),
            span_id: self.bytes(8),
            name: self.text(),
            kind: self.below(5) as i32,
            start_time_unix_nano: self.below(1 << 50) as u64,
            attributes: self.attributes(),
            events: self.many(3, |dice| Event {
                name: dice.text(),
                attributes: dice.attributes(),
                ..Event::default()
            }),
            links: self.many(3, |dice| Link {
                trace_id: dice.bytes(16),
                span_id: dice.bytes(8),
                attributes: dice.attributes(),
                ..Link::default()
            }),
            ..Span::default()
        }
    }

    pub(crate) fn logs(&mut self) -> ExportLogsServiceRequest {
        let resource_logs = self.many(4, |dice| ResourceLogs {
            resource: dice.resource(),
            scope_logs: dice.many(3, |dice| ScopeLogs {
                scope: dice.scope(),
                log_records: dice.many(4, |dice| LogRecord {
                    time_unix_nano: dice.below(1 << 50) as u64,
                    body: dice.maybe(|dice| dice.value(0)),
                    attributes: dice.attributes(),
                    ..LogRecord::default()
                }),
                schema_url: dice.text(),
            }),
            schema_url: dice.text(),
        });
        ExportLogsServiceRequest { resource_logs }
    }

    pub(crate) fn metrics(&mut self) -> ExportMetricsServiceRequest {
        let resource_metrics = self.many(4, |dice| ResourceMetrics {
            resource: dice.resource(),
            scope_metrics: dice.many(3, |dice| ScopeMetrics {
                scope: dice.scope(),
                metrics: dice.many(4, |dice| Metric {
                    name: dice.text(),
                    unit: dice.text(),
                    metadata: dice.attributes(),
                    data: dice.maybe(Dice::data),
                    ..Metric::default()
                }),
                schema_url: dice.text(),
            }),
            schema_url: dice.text(),
        });
        ExportMetricsServiceRequest { resource_metrics }
    }

    fn data(&mut self) -> Data {
        match self.below(5) {
            0 => Data::Gauge(Gauge {
                data_points: self.many(3, Dice::number),
            }),
            1 => Data::Sum(Sum {
                data_points: self.many(3, Dice::number),
                is_monotonic: true,
                ..Sum::default()
            }),
            2 => Data::Histogram(Histogram {
                data_points: self.many(3, |dice| HistogramDataPoint {
                    attributes: dice.attributes(),
                    count: dice.below(9) as u64,
                    bucket_counts: vec![1, 2, 3],
                    explicit_bounds: vec![0.5, 1.5],
                    exemplars: dice.many(3, Dice::exemplar),
                    ..HistogramDataPoint::default()
                }),
                ..Histogram::default()
            }),
            3 => Data::ExponentialHistogram(ExponentialHistogram {
                data_points: self.many(3, |dice| ExponentialHistogramDataPoint {
                    attributes: dice.attributes(),
                    scale: -3,
                    exemplars: dice.many(3, Dice::exemplar),
                    ..ExponentialHistogramDataPoint::default()
                }),
                ..ExponentialHistogram::default()
            }),
            _ => Data::Summary(Summary {
                data_points: self.many(3, |dice| SummaryDataPoint {
                    attributes: dice.attributes(),
                    sum: 2.5,
                    ..SummaryDataPoint::default()
                }),
            }),
        }
    }

    fn number(&mut self) -> NumberDataPoint {
        NumberDataPoint {
            attributes: self.attributes(),
            exemplars: self.many(3, Dice::exemplar),
            value: Some(number_data_point::Value::AsInt(-7)),
            ..NumberDataPoint::default()
        }
    }

    fn exemplar(&mut self) -> Exemplar {
        Exemplar {
            filtered_attributes: self.attributes(),
            span_id: self.bytes(8),
            value: Some(exemplar::Value::AsDouble(1.25)),
            ..Exemplar::default()
        }
    }
}

/// What should be left of telemetry, once these facts are set.
pub(crate) struct Expected(pub(crate) Vec<(&'static str, String)>);

impl Expected {
    fn strip(&self, attributes: &mut Vec<KeyValue>) {
        attributes.retain(|attribute| !STRIPPED.contains(&attribute.key.as_str()));
    }

    fn resource(&self, resource: &mut Option<Resource>) {
        if let Some(resource) = resource {
            self.strip(&mut resource.attributes);
        }
        if self.0.is_empty() {
            return;
        }
        let facts = self.0.iter().map(|(name, value)| KeyValue {
            key: (*name).to_owned(),
            value: Some(AnyValue {
                value: Some(Value::StringValue(value.clone())),
            }),
            ..KeyValue::default()
        });
        let resource = resource.get_or_insert_default();
        resource.attributes.extend(facts);
    }

    fn scope(&self, scope: &mut Option<InstrumentationScope>) {
        if let Some(scope) = scope {
            self.strip(&mut scope.attributes);
        }
    }

    pub(crate) fn traces(&self, all: &mut ExportTraceServiceRequest) {
        for block in &mut all.resource_spans {
            self.resource(&mut block.resource);
            for scope in &mut block.scope_spans {
                self.scope(&mut scope.scope);
                for span in &mut scope.spans {
                    self.strip(&mut span.attributes);
                    span.events
                        .iter_mut()
                        .for_each(|e| self.strip(&mut e.attributes));
                    span.links
                        .iter_mut()
                        .for_each(|l| self.strip(&mut l.attributes));
                }
            }
        }
    }

    pub(crate) fn logs(&self, all: &mut ExportLogsServiceRequest) {
        for block in &mut all.resource_logs {
            self.resource(&mut block.resource);
            for scope in &mut block.scope_logs {
                self.scope(&mut scope.scope);
                for record in &mut scope.log_records {
                    self.strip(&mut record.attributes);
                }
            }
        }
    }

    pub(crate) fn metrics(&self, all: &mut ExportMetricsServiceRequest) {
        for block in &mut all.resource_metrics {
            self.resource(&mut block.resource);
            for scope in &mut block.scope_metrics {
                self.scope(&mut scope.scope);
                for metric in &mut scope.metrics {
                    self.strip(&mut metric.metadata);
                    self.data(metric.data.as_mut());
                }
            }
        }
    }

    fn data(&self, data: Option<&mut Data>) {
        let number = |point: &mut NumberDataPoint| {
            self.strip(&mut point.attributes);
            self.exemplars(&mut point.exemplars);
        };
        match data {
            None => {}
            Some(Data::Gauge(gauge)) => gauge.data_points.iter_mut().for_each(number),
            Some(Data::Sum(sum)) => sum.data_points.iter_mut().for_each(number),
            Some(Data::Histogram(histogram)) => {
                for point in &mut histogram.data_points {
                    self.strip(&mut point.attributes);
                    self.exemplars(&mut point.exemplars);
                }
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                for point in &mut histogram.data_points {
                    self.strip(&mut point.attributes);
                    self.exemplars(&mut point.exemplars);
                }
            }
            Some(Data::Summary(summary)) => {
                for point in &mut summary.data_points {
                    self.strip(&mut point.attributes);
                }
            }
        }
    }

    fn exemplars(&self, exemplars: &mut [Exemplar]) {
        for exemplar in exemplars {
            self.strip(&mut exemplar.filtered_attributes);
        }
    }
}
