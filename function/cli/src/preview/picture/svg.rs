//! Platform picture as SVG: the flow of data, below it boxes, nodes and connecting lines, and a legend at the bottom.
//! Every text from a claim is escaped. The layout decides positions; this module decides the look.

use std::collections::HashMap;
use std::fmt::Write;

use realtime_platform_core::claims::KINDS;

use super::arrows::{Arrow, End, Layer};
use super::flow::{Flow, Stage, Stream, Strip};
use super::layout::{self, Layout, Point, Rect, Size, Spacing};
use super::measure;
use super::model::Picture;
use super::parts::Part;
use super::scene::{self, LINE, PADDING, Placed, Scene};

const STYLE: &str = include_str!("style.css");
/// Margin around the whole platform picture, in pixels.
const EDGE: f64 = 24.0;
const HEADING: f64 = 30.0;
const SECTION: f64 = 30.0;
const LEGEND: f64 = 46.0;
const LEAST_WIDTH: f64 = 860.0;
const STRIP_GAP: f64 = 24.0;

/// Kind of document for which the SVG of the platform picture is drawn: a file or an HTML page.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// The platform picture is drawn as an SVG document by itself.
    File,
    /// The platform picture is drawn into an HTML page. The node of each part links to the part's section of the page.
    Page,
}

pub const LAYERS: &[(Layer, &str, &str)] = &[
    (Layer::Data, "data", "data flows"),
    (Layer::Routes, "routes", "traffic is led"),
    (Layer::Calls, "calls", "calls"),
    (Layer::Secrets, "secrets", "Secrets"),
    (Layer::Admits, "admits", "network policies"),
    (Layer::Order, "order", "order"),
];

/// HTML id of a part's section on the page. The part's node in the platform picture links to that section.
pub fn part_id(part: usize) -> String {
    format!("part-{part}")
}

pub fn class(layer: Layer) -> &'static str {
    LAYERS.iter().find(|(known, ..)| *known == layer).map_or("", |(_, class, _)| class)
}

pub fn svg(picture: &Picture, reader: For) -> String {
    let scene = &picture.scene;
    let flow = (!picture.flow.streams.is_empty()).then(|| Strips::of(&picture.flow, scene.size.width));
    let strip = flow.as_ref().map_or(0.0, |flow| HEADING + flow.size.height + SECTION);
    let flow_width = flow.as_ref().map_or(0.0, |flow| flow.size.width);
    let width = scene.size.width.max(flow_width).max(LEAST_WIDTH) + 2.0 * EDGE;
    let platform = Point { x: (width - scene.size.width) / 2.0, y: EDGE + strip + HEADING };
    let height = platform.y + scene.size.height + LEGEND + EDGE;
    let mut out = String::new();
    open(&mut out, picture, width, height);
    if let Some(drawn) = &flow {
        let at = Point { x: (width - drawn.size.width) / 2.0, y: EDGE + HEADING };
        heading(&mut out, EDGE + 14.0, "Data", "from source to destination");
        for (strip, layout, by) in &drawn.strips {
            draw_strip(&mut out, &picture.flow, strip, layout, at.moved(*by));
        }
    }
    let about = format!("what {} becomes", picture.title);
    heading(&mut out, EDGE + strip + 14.0, "Platform", &about);
    boxes(&mut out, scene, platform);
    lines(&mut out, picture, platform, reader);
    box_names(&mut out, scene, platform);
    for node in &scene.nodes {
        draw_node(&mut out, &picture.parts, node, platform, reader);
    }
    legend(&mut out, Point { x: EDGE, y: platform.y + scene.size.height + 30.0 });
    out.push_str("</svg>\n");
    out
}

fn open(out: &mut String, picture: &Picture, width: f64, height: f64) {
    let (width, height) = (number(width), number(height));
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"platform\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"group\" aria-labelledby=\"picture-title\" aria-describedby=\"picture-desc\">"
    );
    let _ =
        writeln!(out, "<title id=\"picture-title\">{}</title>", escape(&format!("The platform of {}", picture.title)));
    let _ = writeln!(out, "<desc id=\"picture-desc\">{}</desc>", escape(&picture.description()));
    let _ = writeln!(out, "<style>\n{STYLE}</style>\n<defs>");
    for (_, class, _) in LAYERS {
        let _ = writeln!(
            out,
            "<marker id=\"head-{class}\" viewBox=\"0 0 8 8\" refX=\"7.5\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
             markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path class=\"head {class}\" d=\"M0 0.5 8 4 0 7.5z\"/></marker>"
        );
    }
    let _ = writeln!(out, "</defs>\n<rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>");
}

fn heading(out: &mut String, y: f64, title: &str, about: &str) {
    let x = number(EDGE);
    let aside = number(EDGE + measure::width(title, 16.0, true) + 12.0);
    let y = number(y);
    let _ = writeln!(
        out,
        "<text class=\"heading\" x=\"{x}\" y=\"{y}\">{}</text><text class=\"about\" x=\"{aside}\" y=\"{y}\">{}</text>",
        escape(title),
        escape(about)
    );
}

fn boxes(out: &mut String, scene: &Scene, by: Point) {
    for framed in &scene.boxes {
        let _ = writeln!(out, "<g class=\"box {}\"><rect {} rx=\"8\"/></g>", framed.class, rect(&framed.rect, by));
    }
}

/// Draws the names of the platform picture's boxes after the connecting lines, so that no line covers a name.
fn box_names(out: &mut String, scene: &Scene, by: Point) {
    for framed in &scene.boxes {
        let _ = writeln!(
            out,
            "<text class=\"framed {}\" x=\"{}\" y=\"{}\">{}</text>",
            framed.class,
            number(framed.rect.x + by.x + 10.0),
            number(framed.rect.y + by.y + 16.0),
            escape(&framed.title)
        );
    }
}

/// Draws the arrows of the platform picture, behind the nodes: along the connecting line of the layout if there is one
/// for the arrow, otherwise straight.
fn lines(out: &mut String, picture: &Picture, by: Point, reader: For) {
    let drawn = picture.arrows.iter().filter(|arrow| reader == For::Page || arrow.layer <= Layer::Data);
    let mut drawn: Vec<&Arrow> = drawn.collect();
    drawn.sort_by_key(|arrow| LAYERS.iter().rev().position(|(layer, ..)| *layer == arrow.layer));
    for arrow in drawn {
        let Some(path) = along(&picture.scene, arrow, by).or_else(|| straight(&picture.scene, arrow, by)) else {
            continue;
        };
        let class = class(arrow.layer);
        let (from, to) = (picture.end_name(&arrow.from), picture.end_name(&arrow.to));
        let _ = writeln!(
            out,
            "<path class=\"arrow {class}\" d=\"{path}\" marker-end=\"url(#head-{class})\" data-from=\"{}\" data-to=\"{}\">\
             <title>{}</title></path>",
            end_id(&arrow.from),
            end_id(&arrow.to),
            escape(&format!("{from} {} {to}: {}", says(arrow.layer), arrow.because.join("; ")))
        );
    }
}

fn says(layer: Layer) -> &'static str {
    match layer {
        Layer::Data => "sends data to",
        Layer::Routes => "leads to",
        Layer::Calls => "calls",
        Layer::Secrets => "provides a Secret to",
        Layer::Admits => "and",
        Layer::Order => "before",
    }
}

pub fn end_id(end: &End) -> String {
    match end {
        End::Part(part) => part_id(*part),
        End::Beyond(name) => escape(&format!("beyond {name}")),
        End::Entrance(host) => escape(&format!("entrance {host}")),
    }
}

fn along(scene: &Scene, arrow: &Arrow, by: Point) -> Option<String> {
    if arrow.layer > Layer::Data {
        return None;
    }
    let points = scene.way(arrow)?;
    (points.len() > 1).then(|| curve(&points, by))
}

/// SVG path of an arrow through every point of a connecting line, in curves that start and end vertically.
fn curve(points: &[Point], by: Point) -> String {
    let at = |point: &Point| (number(point.x + by.x), number(point.y + by.y));
    let mut path = String::new();
    if let Some((x, y)) = points.first().map(at) {
        let _ = write!(path, "M{x} {y}");
    }
    for pair in points.windows(2) {
        let middle = number(f64::midpoint(pair[0].y, pair[1].y) + by.y);
        let ((start, _), (x, y)) = (at(&pair[0]), at(&pair[1]));
        let _ = write!(path, "C{start} {middle} {x} {middle} {x} {y}");
    }
    path
}

fn straight(scene: &Scene, arrow: &Arrow, by: Point) -> Option<String> {
    let (from, to) = scene.ends(arrow)?;
    let (from, to) = (from.rect, to.rect);
    let (start, goal) = (border(&from, to.centre()), border(&to, from.centre()));
    let at = |point: Point| format!("{} {}", number(point.x + by.x), number(point.y + by.y));
    Some(format!("M{}L{}", at(start), at(goal)))
}

/// Point at which the straight line from the centre of a node to another point crosses the border of the node.
fn border(rect: &Rect, towards: Point) -> Point {
    let centre = rect.centre();
    let (x, y) = (towards.x - centre.x, towards.y - centre.y);
    let share = |half: f64, way: f64| if way == 0.0 { f64::INFINITY } else { half / way.abs() };
    let share = share(rect.width / 2.0, x).min(share(rect.height / 2.0, y)).min(1.0);
    Point { x: centre.x + x * share, y: centre.y + y * share }
}

fn draw_node(out: &mut String, parts: &[Part], node: &Placed, by: Point, reader: For) {
    let (class, about) = match &node.end {
        End::Part(part) => {
            let part = &parts[*part];
            let claim = &part.shown.asked.claim;
            (part.shown.asked.kind.definition, format!("{} of {}", node.label.title, claim.name))
        }
        End::Beyond(_) => ("beyond", format!("{}, outside of the platform", node.label.title)),
        End::Entrance(host) => ("entrance", format!("endpoint {host}")),
    };
    let about = escape(&format!("{about}: {}", node.label.lines.join(" ")));
    let (open, close) = match (&node.end, reader) {
        (End::Part(part), For::Page) => {
            (format!("<a href=\"#{}\" class=\"node {class}\" aria-label=\"{about}\"", part_id(*part)), "</a>")
        }
        _ => (format!("<g class=\"node {class}\" role=\"img\" aria-label=\"{about}\""), "</g>"),
    };
    let searched = match &node.end {
        End::Part(part) => {
            let of = &parts[*part];
            format!(
                " data-part=\"{}\" data-claim=\"{}\" data-place=\"{}\" data-searched=\"{}\"",
                escape(of.name),
                escape(&of.shown.asked.claim.name),
                of.cluster_word(),
                escape(&of.searched())
            )
        }
        End::Beyond(name) | End::Entrance(name) => format!(" data-searched=\"{}\"", escape(&name.to_lowercase())),
    };
    let _ = write!(out, "{open} data-id=\"{}\"{searched}><title>{about}</title>", end_id(&node.end));
    let (x, y) = (node.rect.x + by.x, node.rect.y + by.y);
    let _ = write!(
        out,
        "<rect class=\"body\" {} rx=\"6\"/><rect class=\"mark\" x=\"{}\" y=\"{}\" width=\"4\" height=\"{}\" rx=\"2\"/>",
        rect(&node.rect, by),
        number(x),
        number(y + 4.0),
        number(node.rect.height - 8.0)
    );
    texts(out, &node.label.title, &node.label.lines, Point { x: x + PADDING, y: y + PADDING + 8.0 });
    let _ = writeln!(out, "{close}");
}

fn texts(out: &mut String, title: &str, lines: &[String], at: Point) {
    let _ = write!(out, "<text class=\"name\" x=\"{}\" y=\"{}\">{}</text>", number(at.x), number(at.y), escape(title));
    let mut y = at.y + LINE + 1.5;
    for line in lines {
        let _ =
            write!(out, "<text class=\"detail\" x=\"{}\" y=\"{}\">{}</text>", number(at.x), number(y), escape(line));
        y += LINE;
    }
}

/// Flow of data in the platform picture after its layout, with one strip for each environment and namespace.
struct Strips {
    strips: Vec<(Strip, Layout, Point)>,
    size: Size,
}

impl Strips {
    fn of(flow: &Flow, width: f64) -> Self {
        let strips = flow.strips();
        let plans: Vec<layout::Plan> = strips.iter().map(|strip| plan(flow, strip)).collect();
        let spacing = Spacing { nodes: 12.0, layers: 46.0, lines: 10.0 };
        let layouts = layout::lay_out(&plans.iter().collect::<Vec<_>>(), layout::Flow::Right, &spacing);
        let sizes: Vec<Size> = layouts.iter().map(|layout| layout.size).collect();
        let (places, size) = layout::rows(&sizes, width, STRIP_GAP);
        let drawn = strips.into_iter().zip(layouts).zip(places);
        Self { strips: drawn.map(|((strip, layout), place)| (strip, layout, place)).collect(), size }
    }
}

fn plan(flow: &Flow, strip: &Strip) -> layout::Plan {
    let mut plan = layout::Plan::default();
    let mut places = HashMap::new();
    for &index in &strip.stations {
        let station = &flow.stations[index];
        let detail = flow.room(station, |detail| measure::width(detail, scene::TEXT_SIZE, false));
        let width = measure::width(&station.name, 12.0, true).max(detail) + 2.0 * PADDING;
        places.insert(index, plan.nodes.len());
        plan.nodes.push(layout::Node { width: width.max(96.0).ceil(), height: 40.0, inside: None });
    }
    let edge = |stream: &Stream| layout::Edge { from: places[&stream.from], to: places[&stream.to], weight: 1 };
    plan.edges = strip.streams.iter().map(edge).collect();
    plan
}

fn draw_strip(out: &mut String, flow: &Flow, strip: &Strip, layout: &Layout, by: Point) {
    for (stream, points) in strip.streams.iter().zip(&layout.edges) {
        let (from, to) = (&flow.stations[stream.from].name, &flow.stations[stream.to].name);
        let _ = writeln!(
            out,
            "<path class=\"arrow data\" d=\"{}\" marker-end=\"url(#head-data)\"><title>{}</title></path>",
            sideways(points, by),
            escape(&format!("{from} to {to}"))
        );
    }
    for (index, place) in strip.stations.iter().zip(&layout.nodes) {
        let station = &flow.stations[*index];
        let is_topic = matches!(station.stage, Stage::MqttTopic | Stage::KafkaTopic);
        let class = if is_topic { "station topic" } else { "station" };
        let radius = if is_topic { 20 } else { 6 };
        let detail = flow.detail(station);
        let label = escape(&format!("{detail} {}", station.name));
        let _ = write!(
            out,
            "<g class=\"{class}\" role=\"img\" aria-label=\"{label}\" data-searched=\"{}\"><title>{label}</title>",
            label.to_lowercase()
        );
        let _ = write!(out, "<rect {} rx=\"{radius}\"/>", rect(place, by));
        let middle = number(place.centre().x + by.x);
        let _ = writeln!(
            out,
            "<text class=\"name\" text-anchor=\"middle\" x=\"{middle}\" y=\"{}\">{}</text>\
             <text class=\"detail\" text-anchor=\"middle\" x=\"{middle}\" y=\"{}\">{}</text></g>",
            number(place.y + by.y + 17.0),
            escape(&station.name),
            number(place.y + by.y + 31.0),
            escape(&detail)
        );
    }
}

fn sideways(points: &[Point], by: Point) -> String {
    let mut path = String::new();
    if let Some(first) = points.first() {
        let _ = write!(path, "M{} {}", number(first.x + by.x), number(first.y + by.y));
    }
    for pair in points.windows(2) {
        let middle = number(f64::midpoint(pair[0].x, pair[1].x) + by.x);
        let (start, x, y) = (number(pair[0].y + by.y), number(pair[1].x + by.x), number(pair[1].y + by.y));
        let _ = write!(path, "C{middle} {start} {middle} {y} {x} {y}");
    }
    path
}

fn legend(out: &mut String, at: Point) {
    out.push_str("<g class=\"legend\">");
    let mut x = at.x;
    let text = |out: &mut String, x: &mut f64, label: &str| {
        let _ = write!(out, "<text x=\"{}\" y=\"{}\">{label}</text>", number(*x), number(at.y + 4.0));
        *x += measure::width(label, scene::TEXT_SIZE, false) + 18.0;
    };
    for kind in &KINDS {
        let _ = write!(
            out,
            "<g class=\"node {}\"><rect class=\"mark\" x=\"{}\" y=\"{}\" width=\"4\" height=\"12\" rx=\"2\"/></g>",
            kind.definition,
            number(x),
            number(at.y - 6.0)
        );
        x += 10.0;
        text(out, &mut x, kind.claim);
    }
    for (_, class, label) in LAYERS.iter().filter(|(layer, ..)| *layer <= Layer::Data) {
        let _ = write!(
            out,
            "<path class=\"arrow {class}\" d=\"M{} {y}h26\" marker-end=\"url(#head-{class})\"/>",
            number(x),
            y = number(at.y)
        );
        x += 34.0;
        text(out, &mut x, label);
    }
    out.push_str("</g>\n");
}

fn rect(rect: &Rect, by: Point) -> String {
    format!(
        "x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        number(rect.x + by.x),
        number(rect.y + by.y),
        number(rect.width),
        number(rect.height)
    )
}

/// Number as text for an SVG document, with at most one decimal and without a negative zero.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Text escaped for SVG and HTML, between tags and in quotes. Characters that XML forbids are removed.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => escaped.push(c),
        }
    }
    escaped
}
