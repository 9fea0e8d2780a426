//! Scene of the platform picture: nodes, boxes and connecting lines on sheets, each of which is laid out by itself.
//! Parts without connecting lines are grouped in trays, so that the lines have space.

use std::collections::{BTreeSet, HashMap, HashSet};

use realtime_platform_core::parts::plan::Place;

use super::arrows::{Arrow, End, Layer};
use super::layout::{self, Edge, Flow, Layout, Node, Plan, Point, Rect, Size, Spacing};
use super::measure;
use super::parts::{self, Part, words};
use super::sheets::Sheets;
use crate::preview::claim::Cluster;

pub const TITLE_SIZE: f64 = 13.0;
pub const TEXT_SIZE: f64 = 10.5;
pub const LINE: f64 = 13.5;
pub const PADDING: f64 = 12.0;
/// Font size of the name of a box in the platform picture, in pixels.
pub const BOX_SIZE: f64 = 11.5;
const TITLE_LINE: f64 = 17.0;
const LEAST_WIDTH: f64 = 96.0;
const TEXT_LIMIT: f64 = 134.0;
const TRAY_WIDTH: f64 = 1060.0;
const TRAY_GAP: f64 = 10.0;
/// Space above the content of a box in the picture, for its name, in pixels; MARGIN is the space on the other sides.
const HEAD: f64 = 18.0;
const MARGIN: f64 = 4.0;
const NESTED: f64 = 9.0;
/// Space between two sheets (sections) of the platform picture, in pixels, with room for the names of boxes.
const SHEET_GAP: f64 = 72.0;

/// Content of a node in the layout of the platform picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    End(End),
    /// Tray in the platform picture: parts without connecting lines, side by side in one node of the layout.
    Tray(Vec<usize>),
    /// Invisible node above all others in the layout of a sheet (section) of the picture. Short edges lead from this
    /// node to the nodes outside the platform, so that the layout draws the nodes outside at the top.
    Top,
}

pub struct Label {
    pub title: String,
    pub lines: Vec<String>,
}

pub struct Box {
    pub title: String,
    pub rect: Rect,
    /// CSS class of a box in the platform picture: host cluster, virtual cluster or namespace.
    pub class: &'static str,
}

/// Node of the platform picture with its label and its position.
pub struct Placed {
    pub end: End,
    pub label: Label,
    pub rect: Rect,
}

/// Connecting line in the platform picture, along which all arrows between two ends are drawn, in either direction.
pub struct Line {
    pub ends: (End, End),
    pub points: Vec<Point>,
}

/// Platform picture after its layout: boxes, nodes and lines of all sheets, each with its position in the picture.
pub struct Scene {
    pub boxes: Vec<Box>,
    pub nodes: Vec<Placed>,
    pub size: Size,
    sheets: Sheets,
    /// Index of each node by its sheet (section) of the platform picture, and by the part, server or host name that the
    /// node shows. A server outside the platform may be on several sheets.
    node_of: HashMap<(usize, End), usize>,
    /// Connecting lines by their sheet of the platform picture and both ends. Arrows in both directions share a line.
    line_of: HashMap<(usize, End, End), Line>,
}

/// Sheet (section) of the platform picture: boxes, nodes and connecting lines that are laid out together.
struct Sheet {
    boxes: Vec<Box>,
    nodes: Vec<Placed>,
    lines: Vec<Line>,
    size: Size,
}

/// Box of the platform picture before its layout: a cluster, or a namespace in a virtual cluster.
#[derive(PartialEq, Eq)]
enum Frame<'a> {
    Cluster(Cluster<'a>),
    Namespace(Cluster<'a>, String),
}

struct Setting<'s, 'a> {
    parts: &'s [Part<'a>],
    /// Indices of the parts on a sheet (section) of the platform picture.
    own: &'s [usize],
    twins: &'s HashSet<usize>,
    frames: Vec<Frame<'a>>,
    nodes: Vec<(What, Option<usize>)>,
    /// Both ends of each connecting line on a sheet (section) of the picture. The edges in `plan`, the input of the
    /// layout, have the same order.
    lines: Vec<(End, End)>,
    plan: Plan,
}

impl Scene {
    pub fn of(parts: &[Part], arrows: &[Arrow]) -> Self {
        let sheets = Sheets::of(parts);
        let twins = parts::twins(parts);
        let (own, shown) = (sheets.parts(), sheets.arrows(arrows.iter().filter(|arrow| arrow.layer <= Layer::Data)));
        let settings: Vec<Setting> =
            own.iter().zip(&shown).map(|(own, shown)| Setting::of(parts, own, &twins, shown)).collect();
        let plans: Vec<&Plan> = settings.iter().map(|setting| &setting.plan).collect();
        let layouts = layout::lay_out(&plans, Flow::Down, &Spacing { nodes: 16.0, layers: 32.0, lines: 8.0 });
        let laid_out = settings.iter().zip(&layouts).map(|(setting, layout)| setting.place(layout));
        Self::side_by_side(laid_out.collect(), sheets)
    }

    /// Arranges the sheets (sections) of the platform picture so that the picture is about as wide as high, because a
    /// screen then shows most of the picture at once.
    fn side_by_side(laid_out: Vec<Sheet>, sheets: Sheets) -> Self {
        let sizes: Vec<Size> = laid_out.iter().map(|sheet| sheet.size).collect();
        let area: f64 = sizes.iter().map(|size| size.width * size.height).sum();
        let (places, size) = layout::rows(&sizes, area.sqrt(), SHEET_GAP);
        let (node_of, line_of) = (HashMap::new(), HashMap::new());
        let mut scene = Self { boxes: Vec::new(), nodes: Vec::new(), size, sheets, node_of, line_of };
        for (index, (sheet, by)) in laid_out.into_iter().zip(places).enumerate() {
            scene.add(index, sheet, by);
        }
        scene
    }

    fn add(&mut self, index: usize, sheet: Sheet, by: Point) {
        self.boxes.extend(sheet.boxes.into_iter().map(|framed| Box { rect: framed.rect.moved(by), ..framed }));
        for node in sheet.nodes {
            self.node_of.insert((index, node.end.clone()), self.nodes.len());
            self.nodes.push(Placed { rect: node.rect.moved(by), ..node });
        }
        for mut line in sheet.lines {
            line.points.iter_mut().for_each(|point| *point = point.moved(by));
            let (from, to) = line.ends.clone();
            self.line_of.insert((index, from, to), line);
        }
    }

    /// Points along which an arrow of the picture is drawn, if the layout has a connecting line between its ends.
    pub fn way(&self, arrow: &Arrow) -> Option<Vec<Point>> {
        let sheet = self.sheets.of_arrow(arrow)?;
        let (from, to) = (arrow.from.clone(), arrow.to.clone());
        if let Some(line) = self.line_of.get(&(sheet, from.clone(), to.clone())) {
            return Some(line.points.clone());
        }
        let line = self.line_of.get(&(sheet, to, from))?;
        Some(line.points.iter().rev().copied().collect())
    }

    /// Nodes of the platform picture at both ends of an arrow.
    pub fn ends(&self, arrow: &Arrow) -> Option<(&Placed, &Placed)> {
        let node = |end: &End, other: &End| {
            let sheet = self.sheets.of_end(end).or_else(|| self.sheets.of_end(other))?;
            self.nodes.get(*self.node_of.get(&(sheet, end.clone()))?)
        };
        Some((node(&arrow.from, &arrow.to)?, node(&arrow.to, &arrow.from)?))
    }
}

impl Sheet {
    /// Moves the nodes above a sheet's boxes further up in the picture, so that they do not cover the names of boxes.
    fn clear_top(&mut self) {
        let top = self.boxes.iter().map(|framed| framed.rect.y).fold(f64::INFINITY, f64::min) - HEAD;
        for node in self.nodes.iter_mut().filter(|node| !matches!(node.end, End::Part(_)) && node.rect.y < top) {
            let up = (node.rect.bottom() - top).max(0.0);
            node.rect.y -= up;
            for line in self.lines.iter_mut().filter(|line| line.ends.0 == node.end) {
                if let Some(start) = line.points.first_mut() {
                    start.y -= up;
                }
            }
        }
    }
}

/// Ends of all arrows on a sheet (section) of the platform picture: the parts in their order, then servers and host
/// names outside the platform.
fn connected(arrows: &[&Arrow]) -> BTreeSet<End> {
    arrows.iter().flat_map(|arrow| [arrow.from.clone(), arrow.to.clone()]).collect()
}

impl Frame<'_> {
    fn class(&self) -> &'static str {
        match self {
            Self::Cluster(Cluster::Host) => "host",
            Self::Cluster(Cluster::Virtual(_)) => "virtual",
            Self::Namespace(..) => "namespace",
        }
    }

    fn title(&self) -> String {
        match self {
            Self::Cluster(Cluster::Host) => "Host cluster".to_owned(),
            Self::Cluster(Cluster::Virtual(name)) => format!("Virtual cluster {name}"),
            Self::Namespace(_, name) => format!("namespace {name}"),
        }
    }
}

impl<'s, 'a> Setting<'s, 'a> {
    fn of(parts: &'s [Part<'a>], own: &'s [usize], twins: &'s HashSet<usize>, shown: &[&Arrow]) -> Self {
        let (frames, nodes, lines, plan) = (Vec::new(), Vec::new(), Vec::new(), Plan::default());
        let mut setting = Self { parts, own, twins, frames, nodes, lines, plan };
        setting.frames();
        let ends = connected(shown);
        for end in &ends {
            let inside = match end {
                End::Part(part) => setting.frame_of(*part),
                End::Beyond(_) | End::Entrance(_) => None,
            };
            setting.node(What::End(end.clone()), inside);
        }
        setting.lines(shown);
        setting.top();
        setting.trays(&ends);
        setting
    }

    /// Adds the boxes of a picture's sheet: the host cluster, the virtual clusters in it, and their namespaces.
    fn frames(&mut self) {
        let own = self.own.iter().map(|part| &self.parts[*part]);
        let has_host = own.clone().any(|part| part.place == Place::Host);
        if has_host {
            self.frames.push(Frame::Cluster(Cluster::Host));
            self.plan.boxes.push(None);
        }
        for part in own {
            let outer = has_host.then_some(0);
            let cluster =
                if part.place == Place::Host { outer } else { Some(self.frame(Frame::Cluster(part.cluster), outer)) };
            if let (Place::Inside, Some(namespace)) = (part.place, &part.namespace) {
                self.frame(Frame::Namespace(part.cluster, namespace.clone()), cluster);
            }
        }
    }

    fn frame(&mut self, frame: Frame<'a>, outer: Option<usize>) -> usize {
        self.frames.iter().position(|known| *known == frame).unwrap_or_else(|| {
            self.frames.push(frame);
            self.plan.boxes.push(outer);
            self.frames.len() - 1
        })
    }

    fn frame_of(&self, part: usize) -> Option<usize> {
        let part = &self.parts[part];
        let frame = match (&part.namespace, part.place) {
            (Some(namespace), Place::Inside) => Frame::Namespace(part.cluster, namespace.clone()),
            _ => Frame::Cluster(part.cluster),
        };
        self.frames.iter().position(|known| *known == frame)
    }

    fn node(&mut self, what: What, inside: Option<usize>) -> usize {
        let (width, height) = match &what {
            What::End(end) => size(&self.label(end)),
            What::Tray(parts) => {
                let (cell, columns) = self.tray(parts);
                let rows = parts.len().div_ceil(columns);
                let title = inside.map_or(0.0, |frame| measure::width(&self.frames[frame].title(), BOX_SIZE, true));
                (span(cell.0, columns).max(title), span(cell.1, rows))
            }
            What::Top => (1.0, 1.0),
        };
        self.nodes.push((what, inside));
        self.plan.nodes.push(Node { width, height, inside });
        self.nodes.len() - 1
    }

    /// Size of the cells in a tray of the picture, and number of columns of the tray. Each cell holds one part without
    /// connecting lines.
    fn tray(&self, parts: &[usize]) -> ((f64, f64), usize) {
        let sizes = parts.iter().map(|part| size(&self.label(&End::Part(*part))));
        let cell = sizes.fold((0.0, 0.0), |(width, height): (f64, f64), size| (width.max(size.0), height.max(size.1)));
        let fitting = (1..=parts.len()).take_while(|columns| span(cell.0, *columns) <= TRAY_WIDTH).last().unwrap_or(1);
        let rows = parts.len().div_ceil(fitting);
        (cell, parts.len().div_ceil(rows))
    }

    fn label(&self, end: &End) -> Label {
        match end {
            End::Part(index) => {
                let part = &self.parts[*index];
                let mut lines = measure::lines(&part.kinds(), TEXT_SIZE, TEXT_LIMIT);
                if self.twins.contains(index) {
                    lines.insert(0, format!("of {}", part.shown.asked.claim.name));
                }
                Label { title: part.title(), lines }
            }
            End::Beyond(name) => {
                let title = if name.contains('.') { words(service(name)) } else { name.clone() };
                let lines = match name.split_once('.') {
                    Some((first, rest)) => vec![format!("{first}."), rest.to_owned()],
                    None => vec!["outside".to_owned()],
                };
                Label { title, lines }
            }
            End::Entrance(host) => Label { title: host.clone(), lines: self.entrances(host) },
        }
    }

    /// Text below a host name by which users reach the platform, in the picture: the names of the endpoints with this
    /// host name, from the claims' statuses.
    fn entrances(&self, host: &str) -> Vec<String> {
        let mut names = Vec::new();
        for part in self.own.iter().map(|part| &self.parts[*part]) {
            for (name, url) in part.endpoints() {
                let is_here =
                    url.split_once("://").is_some_and(|(_, rest)| rest.split(['/', ':']).next() == Some(host));
                if is_here && !names.iter().any(|known| known == name) {
                    names.push(name.to_owned());
                }
            }
        }
        if names.is_empty() {
            vec!["endpoint".to_owned()]
        } else {
            names.sort();
            vec![names.join(", ")]
        }
    }

    fn index(&self, end: &End) -> Option<usize> {
        self.nodes.iter().position(|(what, _)| matches!(what, What::End(known) if known == end))
    }

    /// Adds to a sheet (section) of the picture one line for each pair of nodes between which an arrow leads. The
    /// line has the direction of a data arrow, else of a route arrow, else of a connection arrow. A line that would
    /// close a cycle of lines is reversed.
    fn lines(&mut self, arrows: &[&Arrow]) {
        for layer in [Layer::Data, Layer::Routes, Layer::Calls] {
            for arrow in arrows.iter().filter(|arrow| arrow.layer == layer) {
                let (from, to) = (arrow.from.clone(), arrow.to.clone());
                let is_known =
                    |line: &(End, End)| *line == (from.clone(), to.clone()) || *line == (to.clone(), from.clone());
                if self.lines.iter().any(is_known) {
                    continue;
                }
                let (from, to) = if reaches(&self.lines, &to, &from) { (to, from) } else { (from, to) };
                if let (Some(start), Some(goal)) = (self.index(&from), self.index(&to)) {
                    let weight = if layer == Layer::Data { 3 } else { 1 };
                    self.plan.edges.push(Edge { from: start, to: goal, weight });
                    self.lines.push((from, to));
                }
            }
        }
    }

    /// Adds an invisible node to a sheet (section) of the picture, with edges to the nodes outside the platform to
    /// which no other edge leads. The edges keep these nodes at the top of the sheet.
    fn top(&mut self) {
        let is_outside = |what: &What| matches!(what, What::End(End::Beyond(_) | End::Entrance(_)));
        let is_led_to = |node: usize| self.plan.edges.iter().any(|edge| edge.to == node);
        let outside: Vec<usize> =
            (0..self.nodes.len()).filter(|&node| is_outside(&self.nodes[node].0) && !is_led_to(node)).collect();
        let top = self.node(What::Top, None);
        self.plan.edges.extend(outside.into_iter().map(|to| Edge { from: top, to, weight: 9 }));
    }

    /// Adds trays to a sheet (section) of the picture: one in each box that has parts without connecting lines. The
    /// tray of a box without connected parts is below all connected parts of the sheet, and the tray of the host
    /// cluster is the lowest.
    fn trays(&mut self, connected: &BTreeSet<End>) {
        let depths = self.depths();
        let mut bottom = (0..self.nodes.len()).max_by_key(|node| depths[*node]);
        let mut alone = Vec::new();
        for frame in 0..self.frames.len() {
            let parts = self.own.iter().copied();
            let parts: Vec<usize> = parts
                .filter(|part| self.frame_of(*part) == Some(frame) && !connected.contains(&End::Part(*part)))
                .collect();
            if parts.is_empty() {
                continue;
            }
            let deepest =
                (0..depths.len()).filter(|node| self.nodes[*node].1 == Some(frame)).max_by_key(|node| depths[*node]);
            let is_host = self.frames[frame] == Frame::Cluster(Cluster::Host);
            match deepest {
                Some(deepest) if !is_host => {
                    let tray = self.node(What::Tray(parts), Some(frame));
                    if bottom == Some(deepest) {
                        self.plan.edges.push(Edge { from: deepest, to: tray, weight: 0 });
                        bottom = Some(tray);
                    }
                }
                _ => alone.push((is_host, frame, parts)),
            }
        }
        alone.sort();
        let mut last = bottom;
        for (is_host, frame, parts) in alone {
            let tray = self.node(What::Tray(parts), Some(frame));
            let above = if is_host { last } else { bottom };
            if let Some(above) = above {
                self.plan.edges.push(Edge { from: above, to: tray, weight: 0 });
            }
            last = Some(tray);
        }
    }

    /// Number of layers above each node on a sheet (section) of the picture, by the edges of the layout.
    fn depths(&self) -> Vec<usize> {
        let mut depths = vec![0; self.nodes.len()];
        for _ in 0..self.nodes.len() {
            for edge in &self.plan.edges {
                depths[edge.to] = depths[edge.to].max(depths[edge.from] + 1);
            }
        }
        depths
    }

    fn place(&self, layout: &Layout) -> Sheet {
        let boxes = self.frames.iter().zip(&layout.boxes).enumerate().map(|(index, (frame, rect))| Box {
            title: frame.title(),
            rect: Rect {
                x: rect.x - MARGIN,
                y: rect.y - self.head(index),
                width: rect.width + 2.0 * MARGIN,
                height: rect.height + self.head(index) + MARGIN,
            },
            class: frame.class(),
        });
        let mut nodes = Vec::new();
        for ((what, _), rect) in self.nodes.iter().zip(&layout.nodes) {
            match what {
                What::End(end) => nodes.push(Placed { end: end.clone(), label: self.label(end), rect: *rect }),
                What::Tray(parts) => nodes.extend(self.cells(parts, rect)),
                What::Top => {}
            }
        }
        let lines = self.lines.iter().zip(&layout.edges);
        let lines = lines.map(|(ends, points)| Line { ends: ends.clone(), points: points.clone() });
        let (boxes, lines) = (boxes.collect(), lines.collect());
        let mut sheet = Sheet { boxes, nodes, lines, size: layout.size };
        sheet.clear_top();
        sheet
    }

    fn cells(&self, parts: &[usize], tray: &Rect) -> Vec<Placed> {
        let ((width, height), columns) = self.tray(parts);
        let cell = |(index, part): (usize, &usize)| {
            let (column, row) = (index % columns, index / columns);
            let rect = Rect { x: tray.x + offset(width, column), y: tray.y + offset(height, row), width, height };
            Placed { end: End::Part(*part), label: self.label(&End::Part(*part)), rect }
        };
        parts.iter().enumerate().map(cell).collect()
    }

    /// Space above the content of a box in the picture, in pixels: for its own name, and for those of the boxes in it.
    fn head(&self, frame: usize) -> f64 {
        let inside = (0..self.frames.len()).filter(|&inner| self.plan.boxes[inner] == Some(frame));
        let nested = inside.map(|inner| self.head(inner) + NESTED).fold(0.0, f64::max);
        nested.max(HEAD)
    }
}

/// Name of a service from its host name, such as `snowflake`: the label before the top-level domain.
fn service(host: &str) -> &str {
    let mut labels = host.rsplit('.').skip(1);
    let name = labels.next().unwrap_or(host);
    name.strip_suffix("computing").unwrap_or(name)
}

fn size(label: &Label) -> (f64, f64) {
    let title = measure::width(&label.title, TITLE_SIZE, true);
    let widest = label.lines.iter().map(|line| measure::width(line, TEXT_SIZE, false)).fold(title, f64::max);
    let height = PADDING + TITLE_LINE + span_of_lines(label.lines.len());
    ((widest + 2.0 * PADDING).max(LEAST_WIDTH).ceil(), height)
}

#[expect(clippy::cast_precision_loss, reason = "a label has a few lines")]
fn span_of_lines(lines: usize) -> f64 {
    lines as f64 * LINE
}

/// Length of several cells side by side in a tray of the picture, in pixels, with the gaps between them.
fn span(cell: f64, count: usize) -> f64 {
    offset(cell, count) - TRAY_GAP
}

#[expect(clippy::cast_precision_loss, reason = "a tray has a few cells")]
fn offset(cell: f64, index: usize) -> f64 {
    index as f64 * (cell + TRAY_GAP)
}

fn reaches(lines: &[(End, End)], from: &End, to: &End) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut next = vec![from];
    while let Some(here) = next.pop() {
        if here == to {
            return true;
        }
        next.extend(lines.iter().filter(|line| line.0 == *here).map(|line| &line.1).filter(|end| seen.insert(*end)));
    }
    false
}
