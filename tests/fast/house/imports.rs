//! Dependencies between source files, from the paths in them. Unit tests are ignored: they may use any module.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, Macro, UseTree};

const CRATES: [(&str, &str); 3] =
    [("core", "realtime_platform_core"), ("grpc", "realtime_platform_grpc"), ("cli", "realtime_platform_cli")];

/// Source file.
#[derive(Debug)]
pub struct File {
    pub krate: &'static str,
    /// Module path with slashes; empty for the root of a crate.
    pub module: String,
    /// Indices of the other files that it uses.
    pub uses: BTreeSet<usize>,
    /// Paths in it that begin with `std`.
    pub foreign: BTreeSet<String>,
}

impl File {
    pub fn is_root(&self) -> bool {
        self.module.is_empty()
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.krate, self.module)
    }
}

/// All files of the three crates, except files with tests only.
pub fn files() -> Vec<File> {
    let mut sources = Vec::new();
    for (krate, _) in CRATES {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("function").join(krate).join("src");
        let mut paths = below(&root);
        paths.sort();
        for path in paths {
            let name = path.strip_prefix(&root).unwrap().with_extension("").to_str().unwrap().to_owned();
            let module = name.strip_suffix("/mod").unwrap_or(&name);
            let module = if module == "lib" { "" } else { module }.to_owned();
            let source = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
            sources.push((krate, module, source));
        }
    }
    // The parent of a test module declares it with `#[cfg(test)]`.
    let tests: Vec<(&str, String)> = sources
        .iter()
        .flat_map(|(krate, module, source)| {
            let declared = source.items.iter().filter_map(|item| match item {
                syn::Item::Mod(item) if is_for_tests(&item.attrs) => Some(item.ident.to_string()),
                _ => None,
            });
            declared
                .map(|name| (*krate, format!("{module}/{name}").trim_start_matches('/').to_owned()))
                .collect::<Vec<_>>()
        })
        .collect();
    sources.retain(|(krate, module, _)| !tests.iter().any(|(of, name)| of == krate && name == module));
    let known: Vec<(&str, String)> = sources.iter().map(|(krate, module, _)| (*krate, module.clone())).collect();
    let mut files = Vec::new();
    for (krate, module, source) in sources {
        let paths = paths(&source);
        let leads_to = |path: &String| find(&known, krate, &module, path);
        let uses: BTreeSet<usize> =
            paths.iter().filter_map(leads_to).filter(|&at| known[at] != (krate, module.clone())).collect();
        let foreign = paths.into_iter().filter(|path| path.starts_with("std/")).collect();
        files.push(File { krate, module, uses, foreign });
    }
    files
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// Index of the file that a path in a module refers to.
fn find(known: &[(&str, String)], krate: &str, module: &str, path: &str) -> Option<usize> {
    let mut steps: Vec<&str> = path.split('/').collect();
    let mut at: Vec<&str> = module.split('/').filter(|step| !step.is_empty()).collect();
    let mut of = krate;
    let first = steps.remove(0);
    if first == "crate" {
        at.clear();
    } else if let Some((name, _)) = CRATES.iter().find(|(_, name)| *name == first) {
        (of, at) = (name, Vec::new());
    } else if first == "super" {
        at.pop();
        while steps.first() == Some(&"super") {
            at.pop();
            steps.remove(0);
        }
    } else if first != "self" {
        // Path that begins with the name of a child module.
        steps.insert(0, first);
        let own = at.iter().copied().chain([first]).collect::<Vec<_>>().join("/");
        if !known.contains(&(of, own)) {
            return None;
        }
    }
    at.extend(steps);
    (0..=at.len()).rev().find_map(|length| {
        let module = at[..length].join("/");
        known.iter().position(|known| *known == (of, module.clone()))
    })
}

/// All paths in a file, with slashes.
pub fn paths(source: &syn::File) -> BTreeSet<String> {
    let mut found = Paths::default();
    found.visit_file(source);
    found.0
}

#[derive(Default)]
struct Paths(BTreeSet<String>);

impl Paths {
    fn tree(&mut self, before: &str, tree: &UseTree) {
        let step = |name: &str| if before.is_empty() { name.to_owned() } else { format!("{before}/{name}") };
        match tree {
            UseTree::Path(path) => self.tree(&step(&path.ident.to_string()), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
            UseTree::Glob(_) => drop(self.0.insert(before.to_owned())),
            UseTree::Name(name) if name.ident == "self" => drop(self.0.insert(before.to_owned())),
            UseTree::Name(name) => drop(self.0.insert(step(&name.ident.to_string()))),
            UseTree::Rename(rename) if rename.ident == "self" => drop(self.0.insert(before.to_owned())),
            UseTree::Rename(rename) => drop(self.0.insert(step(&rename.ident.to_string()))),
        }
    }

    /// The input of a macro is unparsed tokens, so words joined by `::` are searched in its text.
    fn tokens(&mut self, text: &str) {
        for start in ["crate ::", "super ::", "self ::"] {
            for (at, _) in text.match_indices(start) {
                let path: String = text[at..]
                    .replace(" :: ", "::")
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':'))
                    .collect();
                self.0.insert(path.replace("::", "/"));
            }
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let is_test = |attribute: &Attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    };
    attributes.iter().any(is_test)
}

impl<'a> Visit<'a> for Paths {
    fn visit_item_mod(&mut self, item: &'a ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'a ItemUse) {
        self.tree("", &item.tree);
    }

    fn visit_path(&mut self, path: &'a syn::Path) {
        let steps: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if steps.len() > 1 {
            self.0.insert(steps.join("/"));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'a Macro) {
        self.tokens(&call.tokens.to_string());
        visit::visit_macro(self, call);
    }
}
