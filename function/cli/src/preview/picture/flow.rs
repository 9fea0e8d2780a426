//! Flow of data through the platform, for the platform picture: from publishers over MQTT topics, Kafka topics and SQL
//! processors to tables. The flow is read from the environment variables of containers, which hold the configurations
//! of connectors as well, and from the connectors that an operator keeps.

use std::collections::{BTreeSet, HashMap, HashSet};

use realtime_platform_core::claims::iot_broker::accounts::{BRIDGE, SIMULATOR};
use realtime_platform_core::claims::iot_broker::filter::overlap;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::arrows::{Arrows, End, Layer};
use super::facts::{Facts, Script};
use super::parts::{Part, words};
use super::reading::{addresses, connector, literal};
use crate::documents::object::text;
use crate::preview::claim::Cluster;

/// Title of the node for devices in the platform picture. Devices publish MQTT messages from outside the platform.
pub const DEVICES: &str = "Devices";

/// Kind of a node in the flow of data, such as a Kafka topic, in the order in which data usually passes the kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    Publisher,
    MqttTopic,
    KafkaTopic,
    Processor,
    Table,
}

impl Stage {
    /// Name of a kind of node in the flow of data, as the platform picture shows it below the node.
    pub fn name(self) -> &'static str {
        match self {
            Self::Publisher => "publishes",
            Self::MqttTopic => "MQTT topic",
            Self::KafkaTopic => "Kafka topic",
            Self::Processor => "SQL processor",
            Self::Table => "table",
        }
    }
}

/// Node in the flow of data, such as a Kafka topic or a table. Topics of the same name in two namespaces are two nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Station {
    pub stage: Stage,
    pub name: String,
    /// Scope of a node in the flow of data, in which its name is unique: environment and namespace of a topic, or the
    /// host name of a table's database.
    scope: String,
    /// Index, among the parts of the platform picture, of the part that contains this node of the flow of data, such as
    /// the broker of an MQTT topic; `None` if no such part is known.
    pub part: Option<usize>,
}

/// Movement of data between two nodes in the flow of data. `by` is the index of the part that moves the data, such as
/// the keeper of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stream {
    pub from: usize,
    pub to: usize,
    pub by: Option<usize>,
}

#[derive(Debug, Default)]
pub struct Flow {
    pub stations: Vec<Station>,
    pub streams: Vec<Stream>,
    known_stations: HashMap<(Stage, String, String), usize>,
    known_streams: HashSet<Stream>,
    /// Indices of the nodes in the flow of data from which data moves to another node.
    sources: HashSet<usize>,
    /// Scopes of all nodes in the flow of data that share a kind and a name. A scope is an environment with a
    /// namespace, or the host name of a database.
    scopes: HashMap<(Stage, String), BTreeSet<String>>,
}

/// Strip of the platform picture: the nodes and movements of the flow of data in one environment and namespace.
#[derive(Default)]
pub struct Strip {
    pub stations: BTreeSet<usize>,
    pub streams: Vec<Stream>,
}

/// SQL processor of Lenses: one line of JSON in the environment variable PROCESSORS of the keeper for SQL processors.
#[derive(Deserialize)]
struct Processor {
    name: String,
    sql: String,
}

/// Flow of data through all parts of the platform picture.
pub fn of(parts: &[Part], facts: &Facts) -> Flow {
    let mut flow = Flow::default();
    for script in &facts.scripts {
        let place = Spot { parts, facts, part: script.part, namespace: &script.namespace };
        let reader = Reader { place, script };
        reader.publisher(&mut flow);
        reader.topics(&mut flow);
        reader.processors(&mut flow);
        reader.connectors(&mut flow);
    }
    for connector in &facts.connectors {
        let place = Spot { parts, facts, part: connector.part, namespace: &connector.namespace };
        let servers = facts.worker(parts[connector.part].cluster, connector).and_then(|worker| servers(&parts[worker]));
        place.connector(&mut flow, &connector.settings, servers.and_then(|servers| place.part_at(servers)));
    }
    flow.carried();
    flow.devices(parts, facts);
    flow
}

impl Flow {
    fn station(&mut self, stage: Stage, name: &str, scope: &str, part: Option<usize>) -> usize {
        let index = self.stations.len();
        let known = *self.known_stations.entry((stage, name.to_owned(), scope.to_owned())).or_insert(index);
        if known == index {
            self.stations.push(Station { stage, name: name.to_owned(), scope: scope.to_owned(), part });
            self.scopes.entry((stage, name.to_owned())).or_default().insert(scope.to_owned());
        }
        known
    }

    fn stream(&mut self, from: usize, to: usize, by: Option<usize>) {
        let stream = Stream { from, to, by };
        if self.known_streams.insert(stream) {
            self.streams.push(stream);
            self.sources.insert(from);
        }
    }

    /// Adds the movement of data from each MQTT topic that has a publisher to each topic filter that matches the topic
    /// and that a reader uses. Topic and filter are of the same environment and namespace.
    fn carried(&mut self) {
        let topics: Vec<usize> =
            (0..self.stations.len()).filter(|&index| self.stations[index].stage == Stage::MqttTopic).collect();
        let mut beside: HashMap<String, Vec<usize>> = HashMap::new();
        for &topic in &topics {
            beside.entry(self.stations[topic].scope.clone()).or_default().push(topic);
        }
        let goals: HashSet<usize> = self.streams.iter().map(|stream| stream.to).collect();
        for from in topics.into_iter().filter(|topic| goals.contains(topic)) {
            for &to in beside[&self.stations[from].scope].iter().filter(|to| **to != from) {
                let (topic, filter) = (&self.stations[from], &self.stations[to]);
                if self.sources.contains(&to) && overlap(&topic.name, &filter.name) {
                    self.stream(from, to, None);
                }
            }
        }
    }

    /// Adds the movement of data from devices to each MQTT topic that is read and to which a user of the broker may
    /// publish, if the broker's claim has an MQTT endpoint in its status. The broker's users for the simulator and for
    /// the bridge do not count, because they belong to the platform.
    fn devices(&mut self, parts: &[Part], facts: &Facts) {
        let may_publish = |broker: usize, topic: &str| {
            let rights = facts.rights_at(broker).iter();
            let mut theirs = rights.filter(|right| ![SIMULATOR, BRIDGE].contains(&right.user.as_str()));
            theirs.any(|right| overlap(&right.filter, topic))
        };
        let topics: Vec<(usize, String)> = (0..self.stations.len())
            .filter(|&topic| self.stations[topic].stage == Stage::MqttTopic)
            .filter(|topic| self.sources.contains(topic))
            .filter(|&topic| {
                let station = &self.stations[topic];
                station.part.is_some_and(|part| takes_devices(&parts[part]) && may_publish(part, &station.name))
            })
            .map(|topic| (topic, self.stations[topic].scope.clone()))
            .collect();
        for (topic, scope) in topics {
            let devices = self.station(Stage::Publisher, DEVICES, &scope, None);
            self.stream(devices, topic, None);
        }
    }

    /// Scope of a node in the flow of data, if another node has the same kind and name; otherwise `None`. A scope is an
    /// environment with a namespace, or the host name of a database.
    fn whereabouts<'s>(&self, station: &'s Station) -> Option<&'s str> {
        let scopes = self.scopes.get(&(station.stage, station.name.clone()));
        scopes.is_some_and(|scopes| scopes.len() > 1).then_some(station.scope.as_str())
    }

    /// Strips of the flow of data in the platform picture: one for each environment and namespace. A table is in the
    /// strip of every namespace that writes to the table.
    pub fn strips(&self) -> Vec<Strip> {
        let mut strips: Vec<Strip> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for (index, station) in self.stations.iter().enumerate().filter(|(_, station)| station.stage != Stage::Table) {
            let strip = *known.entry(&station.scope).or_insert(strips.len());
            if strip == strips.len() {
                strips.push(Strip::default());
            }
            strips[strip].stations.insert(index);
        }
        for stream in &self.streams {
            let Some(strip) = known.get(self.stations[stream.from].scope.as_str()) else { continue };
            strips[*strip].stations.insert(stream.to);
            strips[*strip].streams.push(*stream);
        }
        strips
    }

    /// Text below the name of a node in the flow of data: the kind of the node, and its scope if another node has the
    /// same kind and name.
    pub fn detail(&self, station: &Station) -> String {
        let stage = station.stage.name();
        self.whereabouts(station).map_or_else(|| stage.to_owned(), |scope| format!("{stage} in {scope}"))
    }

    /// Width that the text below the name of a node in the flow of data needs; `measure` returns the width of a text.
    /// The result is 0 for a text without a scope, because the minimum width of a node has room for such a text.
    pub fn room(&self, station: &Station, measure: impl Fn(&str) -> f64) -> f64 {
        self.whereabouts(station).map_or(0.0, |_| measure(&self.detail(station)))
    }
}

/// Addresses of the Kafka to which a part's Kafka Connect connects, if an operator keeps one there.
fn servers<'p>(part: &'p Part) -> Option<&'p str> {
    let mut manifests = part.resources.iter().map(|resource| resource.manifest());
    let connect = manifests.find(|manifest| text(manifest, "/kind") == "KafkaConnect")?;
    Some(text(connect, "/spec/bootstrapServers"))
}

fn takes_devices(part: &Part) -> bool {
    part.endpoints().any(|(_, url)| url.starts_with("mqtt"))
}

/// Part with a namespace, from whose manifests the flow of data is read.
struct Spot<'r, 'a> {
    parts: &'r [Part<'a>],
    facts: &'r Facts<'a>,
    part: usize,
    namespace: &'r str,
}

impl Spot<'_, '_> {
    /// Scope of the topics of a namespace in the flow of data: the namespace, with the environment in front if the
    /// environment has another name.
    fn scope(&self) -> String {
        match self.parts[self.part].cluster {
            Cluster::Virtual(environment) if environment != self.namespace => {
                format!("{environment}/{}", self.namespace)
            }
            Cluster::Virtual(_) | Cluster::Host => self.namespace.to_owned(),
        }
    }

    /// Index, among the parts of the platform picture, of the part with the Service to which an address leads. The
    /// address is from a script or connector.
    fn part_at(&self, address: &str) -> Option<usize> {
        let cluster = self.parts[self.part].cluster;
        let mut found = addresses(address).into_iter();
        found.find_map(|address| Some(self.facts.service(cluster, self.namespace, address.host)?.part))
    }

    /// Reads the settings of a connector of this part. `kafka` is the index of the part whose topics the connector reads
    /// or writes, if it is known.
    fn connector(&self, flow: &mut Flow, settings: &Map<String, Value>, kafka: Option<usize>) {
        let setting = |name: &str| settings.get(name).and_then(Value::as_str).unwrap_or_default();
        let by = Some(self.part);
        for statement in setting("connect.mqtt.kcql").split(';') {
            let (into, from) = (after(statement, &["into"]), after(statement, &["from"]));
            if let ([into], [from]) = (into.as_slice(), from.as_slice()) {
                let broker = self.part_at(setting("connect.mqtt.hosts"));
                let topic = flow.station(Stage::MqttTopic, from, &self.scope(), broker);
                let onward = flow.station(Stage::KafkaTopic, into, &self.scope(), kafka);
                flow.stream(topic, onward, by);
            }
        }
        let database = addresses(setting("snowflake.url.name")).first().map_or("", |address| address.host).to_owned();
        for (topic, table) in setting("snowflake.topic2table.map").split(',').filter_map(|entry| entry.split_once(':'))
        {
            let topic = flow.station(Stage::KafkaTopic, topic, &self.scope(), kafka);
            let table = flow.station(Stage::Table, table, &database, None);
            flow.stream(topic, table, by);
        }
    }
}

/// Container of a part, from whose environment variables the flow of data is read.
struct Reader<'r, 'a> {
    place: Spot<'r, 'a>,
    script: &'r Script,
}

impl Reader<'_, '_> {
    fn literal(&self, name: &str) -> &str {
        literal(&self.script.container, name).unwrap_or_default()
    }

    fn publisher(&self, flow: &mut Flow) {
        let (topic, broker) = (self.literal("MQTT_TOPIC"), self.place.part_at(self.literal("MQTT_HOST")));
        if !topic.is_empty() && broker.is_some() {
            let part = self.place.part;
            let publisher =
                flow.station(Stage::Publisher, &words(self.place.parts[part].name), &self.place.scope(), Some(part));
            let topic = flow.station(Stage::MqttTopic, topic, &self.place.scope(), broker);
            flow.stream(publisher, topic, None);
        }
    }

    fn topics(&self, flow: &mut Flow) {
        let kafka = self.place.part_at(self.literal("BOOTSTRAP"));
        for name in self.literal("TOPICS").lines().filter_map(|line| line.split(' ').next()) {
            flow.station(Stage::KafkaTopic, name, &self.place.scope(), kafka);
        }
    }

    fn processors(&self, flow: &mut Flow) {
        for processor in
            self.literal("PROCESSORS").lines().filter_map(|line| serde_json::from_str::<Processor>(line).ok())
        {
            let part = self.place.part;
            let station = flow.station(Stage::Processor, &processor.name, &self.place.scope(), Some(part));
            for name in after(&processor.sql, &["from", "join"]) {
                let topic = flow.station(Stage::KafkaTopic, &name, &self.place.scope(), None);
                flow.stream(topic, station, Some(part));
            }
            for name in after(&processor.sql, &["into"]) {
                let topic = flow.station(Stage::KafkaTopic, &name, &self.place.scope(), None);
                flow.stream(station, topic, Some(part));
            }
        }
    }

    fn connectors(&self, flow: &mut Flow) {
        let worker = self.place.part_at(self.literal("CONNECT_URL"));
        for settings in
            self.script.container.env.iter().flatten().filter_map(|variable| connector(variable.value.as_deref()?))
        {
            self.place.connector(flow, &settings, worker);
        }
    }
}

/// Kafka or MQTT topics that follow one of the keywords, such as `from`, in a statement of SQL or KCQL. Comments after
/// `--` are skipped.
fn after(statement: &str, keywords: &[&str]) -> Vec<String> {
    let code = statement.lines().map(|line| line.split("--").next().unwrap_or_default());
    let text = code.collect::<Vec<_>>().join(" ");
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c == '(' || c == ')').filter(|word| !word.is_empty()).collect();
    let mut names = Vec::new();
    for pair in words.windows(2) {
        let name = pair[1].trim_matches(['`', ';', ',']);
        let is_named = keywords.iter().any(|keyword| pair[0].eq_ignore_ascii_case(keyword));
        if is_named
            && !name.is_empty()
            && !name.eq_ignore_ascii_case("select")
            && !names.iter().any(|known| known == name)
        {
            names.push(name.to_owned());
        }
    }
    names
}

/// Adds the flow of data to the arrows of the platform picture: arrows from the part that contains the source of data,
/// such as an MQTT topic, to the part that contains the destination. If a third part moves the data, one arrow leads to
/// that part and one from it.
pub fn between_parts(flow: &Flow, arrows: &mut Arrows) {
    let mut kafka: HashMap<&str, usize> = HashMap::new();
    for station in flow.stations.iter().filter(|station| station.stage == Stage::KafkaTopic) {
        if let Some(part) = station.part {
            kafka.entry(&station.scope).or_insert(part);
        }
    }
    let end = |station: &Station| match station.stage {
        Stage::Publisher | Stage::MqttTopic | Stage::Processor => {
            Some(station.part.map_or_else(|| End::Beyond(station.name.clone()), End::Part))
        }
        Stage::KafkaTopic => {
            let beside = || kafka.get(station.scope.as_str()).copied();
            station.part.or_else(beside).map(End::Part)
        }
        Stage::Table => Some(End::Beyond(station.scope.clone())),
    };
    for stream in &flow.streams {
        let (from, to) = (&flow.stations[stream.from], &flow.stations[stream.to]);
        let (Some(start), Some(goal)) = (end(from), end(to)) else { continue };
        let because = format!("{} {} to {} {}", from.stage.name(), from.name, to.stage.name(), to.name);
        match stream.by.map(End::Part) {
            Some(by) if by != start && by != goal => {
                arrows.add(Layer::Data, start, by.clone(), because.clone());
                arrows.add(Layer::Data, by, goal, because);
            }
            _ => arrows.add(Layer::Data, start, goal, because),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::after;

    #[test]
    fn a_statement_says_what_it_reads_and_what_it_writes() {
        let sql = "SET x=true;\n-- INSERT INTO nothing\ninsert into heart_rate\nSELECT STREAM a FROM device_data\nJOIN `people`;";
        assert_eq!(after(sql, &["into"]), ["heart_rate"]);
        assert_eq!(after(sql, &["from", "join"]), ["device_data", "people"]);
    }
}
