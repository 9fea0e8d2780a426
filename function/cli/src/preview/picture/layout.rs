//! Positions of nodes, boxes and connecting lines in the platform picture. The crate `dagre` computes the layered
//! layout; this module writes its input and reads its output. This module depends on sizes and connections alone.

use std::collections::HashMap;
use std::{panic, thread};

use dagre::graph::{Graph, GraphOptions};
use dagre::{Align, EdgeLabel, LayoutOptions, NodeLabel, RankDir};

#[derive(Debug)]
pub struct Node {
    pub width: f64,
    pub height: f64,
    /// Index of the box that contains the node in the layout of the platform picture; `None` for a node outside all
    /// boxes.
    pub inside: Option<usize>,
}

#[derive(Debug)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub weight: i32,
}

/// Input for the layout of a picture: nodes, boxes and edges without positions. A box inside another box has a higher
/// index than that box.
#[derive(Debug, Default)]
pub struct Plan {
    pub nodes: Vec<Node>,
    pub boxes: Vec<Option<usize>>,
    pub edges: Vec<Edge>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
}

impl Point {
    pub fn moved(self, by: Self) -> Self {
        Self { x: self.x + by.x, y: self.y + by.y }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    pub fn right(&self) -> f64 {
        self.x + self.width
    }

    pub fn bottom(&self) -> f64 {
        self.y + self.height
    }

    pub fn centre(&self) -> Point {
        Point { x: self.x + self.width / 2.0, y: self.y + self.height / 2.0 }
    }

    fn around(label: &NodeLabel) -> Self {
        let (x, y) = (label.x.unwrap_or_default(), label.y.unwrap_or_default());
        let (width, height) = (label.width, label.height);
        Self { x: x - width / 2.0, y: y - height / 2.0, width, height }
    }

    pub fn moved(self, by: Point) -> Self {
        Self { x: self.x + by.x, y: self.y + by.y, ..self }
    }
}

/// Direction in which most connecting lines of a picture lead, down or to the right.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Down,
    Right,
}

/// Layout of a picture: positions of nodes, boxes and edges, in the order of the layout's input. No coordinate is
/// negative.
#[derive(Clone)]
pub struct Layout {
    pub nodes: Vec<Rect>,
    pub boxes: Vec<Rect>,
    /// Points through which the connecting line of each edge is drawn, from the start of the edge to its end.
    pub edges: Vec<Vec<Point>>,
    pub size: Size,
}

/// Distances that the layout keeps in a picture, in pixels: between neighbouring nodes, between layers of nodes, and
/// between connecting lines.
pub struct Spacing {
    pub nodes: f64,
    pub layers: f64,
    pub lines: f64,
}

/// Computes the layouts of several sections of the platform picture. Equal inputs, which are frequent, are laid out
/// once; the others are distributed over the processors.
pub fn lay_out(plans: &[&Plan], flow: Flow, spacing: &Spacing) -> Vec<Layout> {
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut unlike: Vec<&Plan> = Vec::new();
    let mut which = Vec::new();
    for plan in plans {
        let index = *known.entry(format!("{plan:?}")).or_insert(unlike.len());
        if index == unlike.len() {
            unlike.push(plan);
        }
        which.push(index);
    }
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let each = unlike.len().div_ceil(threads).max(1);
    let laid_out: Vec<Layout> = thread::scope(|scope| {
        let some =
            |plans: &[&Plan]| -> Vec<Layout> { plans.iter().map(|plan| narrowest(plan, flow, spacing)).collect() };
        let workers: Vec<_> = unlike.chunks(each).map(|plans| scope.spawn(move || some(plans))).collect();
        let done =
            |worker: thread::ScopedJoinHandle<_>| worker.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
        workers.into_iter().flat_map(done).collect()
    });
    which.into_iter().map(|index| laid_out[index].clone()).collect()
}

/// Narrowest of five layouts of a section of the platform picture: one for each alignment of the crate `dagre`, and one
/// without an alignment.
fn narrowest(plan: &Plan, flow: Flow, spacing: &Spacing) -> Layout {
    let leanings = [Some(Align::UL), Some(Align::UR), Some(Align::DL), Some(Align::DR)];
    let mut best = lean(plan, flow, spacing, None);
    for leaning in leanings {
        let other = lean(plan, flow, spacing, leaning);
        if other.size.width < best.size.width {
            best = other;
        }
    }
    best
}

fn lean(plan: &Plan, flow: Flow, spacing: &Spacing, leaning: Option<Align>) -> Layout {
    let mut graph: Graph<NodeLabel, EdgeLabel> =
        Graph::with_options(GraphOptions { directed: true, multigraph: true, compound: true });
    for index in 0..plan.boxes.len() {
        graph.set_node(box_name(index), Some(NodeLabel::default()));
    }
    for (index, node) in plan.nodes.iter().enumerate() {
        let label = NodeLabel { width: node.width, height: node.height, ..NodeLabel::default() };
        graph.set_node(node_name(index), Some(label));
    }
    for (index, outer) in plan.boxes.iter().enumerate() {
        if let Some(outer) = outer {
            graph.set_parent(&box_name(index), Some(&box_name(*outer)));
        }
    }
    for (index, node) in plan.nodes.iter().enumerate() {
        if let Some(inside) = node.inside {
            graph.set_parent(&node_name(index), Some(&box_name(inside)));
        }
    }
    for (index, edge) in plan.edges.iter().enumerate() {
        let label = EdgeLabel { weight: edge.weight, ..EdgeLabel::default() };
        graph.set_edge(node_name(edge.from), node_name(edge.to), Some(label), Some(&index.to_string()));
    }
    dagre::layout(&mut graph, Some(options(flow, spacing, leaning)));
    read(&graph, plan, flow)
}

fn options(flow: Flow, spacing: &Spacing, align: Option<Align>) -> LayoutOptions {
    LayoutOptions {
        rankdir: match flow {
            Flow::Down => RankDir::TB,
            Flow::Right => RankDir::LR,
        },
        align,
        nodesep: spacing.nodes,
        ranksep: spacing.layers,
        edgesep: spacing.lines,
        ..LayoutOptions::default()
    }
}

fn node_name(index: usize) -> String {
    format!("node {index}")
}

fn box_name(index: usize) -> String {
    format!("box {index}")
}

fn read(graph: &Graph<NodeLabel, EdgeLabel>, plan: &Plan, flow: Flow) -> Layout {
    let rect = |name: &str| graph.node(name).map(Rect::around).unwrap_or_default();
    let nodes: Vec<Rect> = (0..plan.nodes.len()).map(|index| rect(&node_name(index))).collect();
    let boxes: Vec<Rect> = (0..plan.boxes.len()).map(|index| rect(&box_name(index))).collect();
    let edges: Vec<Vec<Point>> = plan
        .edges
        .iter()
        .enumerate()
        .map(|(index, edge)| {
            let label = graph.edge(&node_name(edge.from), &node_name(edge.to), Some(&index.to_string()));
            let points = label.map(|label| label.points.as_slice()).unwrap_or_default();
            points.iter().map(|point| Point { x: point.x, y: point.y }).collect()
        })
        .collect();
    let mut layout = Layout { nodes, boxes, edges, size: Size::default() };
    layout.spread_ends(plan, flow);
    layout.start_at_origin();
    layout
}

impl Layout {
    /// Spreads the ends of connecting lines in a picture along the side of the node where they meet, in the order of
    /// the points from which the lines come, so that the lines do not cross at the node.
    fn spread_ends(&mut self, plan: &Plan, flow: Flow) {
        for node in 0..self.nodes.len() {
            for is_start in [true, false] {
                let mut ends: Vec<(usize, f64)> = plan
                    .edges
                    .iter()
                    .enumerate()
                    .filter(|(_, edge)| if is_start { edge.from == node } else { edge.to == node })
                    .filter_map(|(index, _)| Some((index, across(self.neighbour(index, is_start)?, flow))))
                    .collect();
                ends.sort_by(|left, right| left.1.total_cmp(&right.1).then(left.0.cmp(&right.0)));
                let count = ends.len();
                for (place, (index, _)) in ends.into_iter().enumerate() {
                    let point = side(&self.nodes[node], is_start, share(place, count), flow);
                    let points = &mut self.edges[index];
                    let end = if is_start { points.first_mut() } else { points.last_mut() };
                    if let Some(end) = end {
                        *end = point;
                    }
                }
            }
        }
    }

    /// Second point of a connecting line in the picture, counted from the start of the line, or from its end if
    /// `is_start` is false.
    fn neighbour(&self, edge: usize, is_start: bool) -> Option<Point> {
        let points = &self.edges[edge];
        let index = if is_start { 1.min(points.len().checked_sub(1)?) } else { points.len().checked_sub(2)? };
        points.get(index).copied()
    }

    fn start_at_origin(&mut self) {
        let rects = || self.nodes.iter().chain(&self.boxes);
        let points = || self.edges.iter().flatten();
        let left = rects().map(|rect| rect.x).chain(points().map(|point| point.x)).fold(f64::INFINITY, f64::min);
        let top = rects().map(|rect| rect.y).chain(points().map(|point| point.y)).fold(f64::INFINITY, f64::min);
        if !left.is_finite() || !top.is_finite() {
            return;
        }
        let by = Point { x: -left, y: -top };
        self.nodes.iter_mut().chain(&mut self.boxes).for_each(|rect| *rect = rect.moved(by));
        for point in self.edges.iter_mut().flatten() {
            *point = point.moved(by);
        }
        let rects = || self.nodes.iter().chain(&self.boxes);
        let points = || self.edges.iter().flatten();
        self.size.width = rects().map(Rect::right).chain(points().map(|point| point.x)).fold(0.0, f64::max);
        self.size.height = rects().map(Rect::bottom).chain(points().map(|point| point.y)).fold(0.0, f64::max);
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Size {
    pub width: f64,
    pub height: f64,
}

/// Positions of several sections of the platform picture in rows, and the size of all rows together. Each row is at
/// most `limit` wide, except a row that consists of one wider section.
pub fn rows(sizes: &[Size], limit: f64, gap: f64) -> (Vec<Point>, Size) {
    let (mut places, mut all, mut next) = (Vec::new(), Size::default(), Point::default());
    for size in sizes {
        if next.x > 0.0 && next.x + size.width > limit {
            next = Point { x: 0.0, y: all.height + gap };
        }
        places.push(next);
        all.width = all.width.max(next.x + size.width);
        all.height = all.height.max(next.y + size.height);
        next.x += size.width + gap;
    }
    (places, all)
}

fn across(point: Point, flow: Flow) -> f64 {
    match flow {
        Flow::Down => point.x,
        Flow::Right => point.y,
    }
}

#[expect(clippy::cast_precision_loss, reason = "nobody draws that many lines")]
fn share(place: usize, count: usize) -> f64 {
    (place as f64 + 1.0) / (count as f64 + 1.0)
}

fn side(rect: &Rect, is_start: bool, share: f64, flow: Flow) -> Point {
    match flow {
        Flow::Down => Point { x: rect.x + rect.width * share, y: if is_start { rect.bottom() } else { rect.y } },
        Flow::Right => Point { x: if is_start { rect.right() } else { rect.x }, y: rect.y + rect.height * share },
    }
}
