//! Parser of a picture's XML.

use std::io::Write as _;
use std::process::{Command, Stdio};

use roxmltree::{Document, Node};
use serde_json::{Value, json};

use realtime_platform_core::claims::API_VERSION;
use wiring::platform::Platform;

/// Output of the real binary for these documents or files.
pub fn preview(output: &str, files: &[&str], stdin: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_function-realtime-platform"));
    command.args(["preview", "-o", output]).args(files).current_dir(env!("CARGO_MANIFEST_DIR"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Claims of a platform in YAML, as a user writes them.
pub fn documents(platform: &Platform) -> String {
    let claims = platform.claims.iter().map(|composed_claim| {
        let metadata = json!({"namespace": composed_claim.claim.namespace, "name": composed_claim.claim.name});
        json!({"apiVersion": API_VERSION, "kind": composed_claim.kind.claim, "metadata": metadata, "spec": composed_claim.spec})
    });
    claims.map(|claim: Value| claim.to_string()).collect::<Vec<_>>().join("\n---\n")
}

#[derive(Clone, Copy, Debug)]
pub struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    pub fn overlaps(&self, other: &Self) -> bool {
        // Coordinates are written with one decimal, so a tenth of a pixel is tolerated.
        let before = |low: f64, size: f64, high: f64| low + size < high + 0.1;
        let apart = |low, size, other, other_size| before(low, size, other) || before(other, other_size, low);
        !apart(self.x, self.width, other.x, other.width) && !apart(self.y, self.height, other.y, other.height)
    }

    pub fn holds(&self, other: &Self) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && self.x + self.width >= other.x + other.width
            && self.y + self.height >= other.y + other.height
    }
}

/// Node of the platform.
#[derive(Debug)]
pub struct Shape {
    pub id: String,
    /// Claim, place and part, if the node is a part.
    pub part: Option<(String, String, String)>,
    pub rect: Rect,
}

#[derive(Debug)]
pub struct Arrow {
    pub layer: String,
    pub from: String,
    pub to: String,
    pub because: String,
}

pub struct Shown {
    pub nodes: Vec<Shape>,
    pub boxes: Vec<(String, Rect)>,
    pub arrows: Vec<Arrow>,
    pub stations: Vec<Rect>,
}

impl Shown {
    pub fn read(svg: &str) -> Self {
        let document = Document::parse(svg).unwrap_or_else(|error| panic!("not well-formed: {error}"));
        let of_class = |class: &'static str| {
            document
                .descendants()
                .filter(move |node| node.attribute("class").is_some_and(|all| all.split(' ').any(|one| one == class)))
        };
        let nodes = of_class("node").filter(|node| node.has_attribute("data-id")).map(|node| {
            let text = |name: &str| node.attribute(name).map(str::to_owned);
            Shape {
                id: text("data-id").unwrap(),
                part: text("data-part").map(|part| (text("data-claim").unwrap(), text("data-place").unwrap(), part)),
                rect: rect(node),
            }
        });
        let arrows = of_class("arrow").filter(|arrow| arrow.has_attribute("data-from")).map(|arrow| Arrow {
            layer: arrow.attribute("class").unwrap().split(' ').nth(1).unwrap().to_owned(),
            from: arrow.attribute("data-from").unwrap().to_owned(),
            to: arrow.attribute("data-to").unwrap().to_owned(),
            because: arrow.first_element_child().and_then(|title| title.text()).unwrap_or_default().to_owned(),
        });
        let boxes = of_class("box").map(|node| (node.attribute("class").unwrap().to_owned(), rect(node)));
        Self {
            nodes: nodes.collect(),
            boxes: boxes.collect(),
            arrows: arrows.collect(),
            stations: of_class("station").map(rect).collect(),
        }
    }

    /// Claim, place and part of a node.
    pub fn part(&self, id: &str) -> Option<&(String, String, String)> {
        self.nodes.iter().find(|node| node.id == id)?.part.as_ref()
    }
}

fn rect(node: Node) -> Rect {
    let rect = node.children().find(|child| child.tag_name().name() == "rect").unwrap();
    let number = |name: &str| rect.attribute(name).unwrap().parse().unwrap();
    Rect { x: number("x"), y: number("y"), width: number("width"), height: number("height") }
}
