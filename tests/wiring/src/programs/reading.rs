//! Variables and files of one container, read as the container's program reads them.

use serde_json::Value;

use super::{Behaviour, Call};
use crate::finding::Finding;
use crate::pods::{Container, Pod};
use crate::services::{Host, address, resolve};
use crate::value::Look;
use crate::world::World;

/// A variable that a program reads.
pub struct Variable {
    pub name: &'static str,
    pub takes: Takes,
    pub is_required: bool,
}

/// Form of a variable's value.
#[derive(Clone, Copy)]
pub enum Takes {
    /// Any text.
    Text,
    OneOf(&'static [&'static str]),
    /// A value that comes from a Secret, never a literal.
    Credential,
    Number,
    /// `host:port` or a URL, which the program calls.
    Address,
    /// A host that the program calls at the port in the named variable.
    Host(&'static str),
    /// An `https` URL outside the platform.
    External,
    /// A URL that people see.
    Shown,
    /// Options of a Java virtual machine.
    Java,
    /// A directory that holds this file.
    DirectoryWith(&'static str),
    /// A SHA-256 checksum.
    Checksum,
    /// Any text here, because the program's own module reads the value.
    Own,
    /// A field of the pod, through the downward API.
    Field,
}

pub const fn must(name: &'static str, takes: Takes) -> Variable {
    Variable { name, takes, is_required: true }
}

pub const fn may(name: &'static str, takes: Takes) -> Variable {
    Variable { name, takes, is_required: false }
}

/// One container of a pod, and the behaviour to which its reading adds.
pub struct Reading<'r, 'w> {
    pub world: &'r World<'w>,
    pub pod: &'r Pod<'w>,
    pub container: &'r Container<'w>,
    /// Index of the pod in `World::pods`.
    pub index: usize,
    pub behaviour: &'r mut Behaviour,
}

impl<'w> Reading<'_, 'w> {
    pub fn finds(&mut self, field: &str, message: impl Into<String>) {
        let field = format!("{}{field}", self.container.field);
        self.behaviour.found.push(Finding::at(self.pod, field, message));
    }

    /// Adds a finding about a variable or a setting.
    pub fn wrong(&mut self, name: &str, message: &str) {
        self.finds(&format!("/env/{name}"), message);
    }

    pub fn listens(&mut self, ports: &[i64]) {
        self.behaviour.listens.extend(ports);
    }

    pub fn literal(&self, name: &str) -> &'w str {
        self.container.literal(name).unwrap_or_default()
    }

    /// Name of the Secret that sets a variable, and the key in it.
    pub fn credential(&self, name: &str) -> Option<(String, String)> {
        let reference = self.container.variable(name)?.at("/valueFrom/secretKeyRef");
        Some((reference.text("/name").to_owned(), reference.text("/key").to_owned()))
    }

    /// Reads every variable of the container as the program does.
    pub fn variables(&mut self, known: &[Variable]) {
        self.variables_and(known, &|_| false);
    }

    /// Like `variables`, with further names that the program reads.
    pub fn variables_and(&mut self, known: &[Variable], is_read: &dyn Fn(&str) -> bool) {
        let container = self.container;
        for (_, variable) in container.variables() {
            let name = variable.text("/name");
            if container.variables().filter(|(_, other)| other.text("/name") == name).count() > 1 {
                self.wrong(name, "set twice");
            }
            match known.iter().find(|known| known.name == name) {
                Some(known) if variable.has("/value") => self.take(name, variable.text("/value"), known.takes),
                Some(known) => self.take_from(name, variable.at("/valueFrom"), known.takes),
                None if is_read(name) => {}
                None => self.wrong(name, "a variable that the program does not read"),
            }
        }
        for missing in known.iter().filter(|known| known.is_required && container.variable(known.name).is_none()) {
            self.wrong(missing.name, "missing");
        }
    }

    fn take_from(&mut self, name: &str, source: &Value, takes: Takes) {
        let fits = match takes {
            Takes::Credential => source.has("/secretKeyRef"),
            Takes::Field => source.has("/fieldRef"),
            _ => false,
        };
        if !fits {
            self.wrong(name, "a value from where it is not expected");
        }
    }

    /// Checks a value against its form, and records the calls, downloads and URLs that follow from the value.
    pub fn take(&mut self, name: &str, text: &str, takes: Takes) {
        let fits = match takes {
            Takes::Text | Takes::Own => true,
            Takes::OneOf(options) => options.contains(&text),
            Takes::Credential | Takes::Field => false,
            Takes::Number => text.parse::<u64>().is_ok(),
            Takes::Address => self.call_address(name, text),
            Takes::Host(port) => match self.literal(port).parse() {
                Ok(port) => {
                    self.call(text, port, name);
                    true
                }
                Err(_) => false,
            },
            Takes::External => {
                let address = address(text).filter(|(host, _)| text.starts_with("https://") && host.contains('.'));
                self.behaviour.fetches.extend(address.iter().map(|(_, port)| *port));
                address.is_some()
            }
            Takes::Shown => {
                self.behaviour.shows.push((text.to_owned(), format!("{}/env/{name}", self.container.field)));
                true
            }
            Takes::Java => text.split(' ').all(is_java_option),
            Takes::DirectoryWith(file) => self.file(&format!("{text}/{file}")).is_some(),
            Takes::Checksum => text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit()),
        };
        if !fits {
            self.wrong(name, &format!("cannot be used: {text:?}"));
        }
    }

    /// Checks that a program can write to its directories: if the root file system is read-only, a writable volume must
    /// be mounted there.
    pub fn writes(&mut self, directories: &[&str]) {
        let is_read_only = self.container.value.is_true("/securityContext/readOnlyRootFilesystem");
        for directory in directories.iter().filter(|_| is_read_only) {
            let mounted = self.container.mounted(self.pod, directory);
            let is_writable = mounted.is_some_and(|mounted| {
                let kinds = ["/emptyDir", "/persistentVolumeClaim"];
                !mounted.mount.is_true("/readOnly") && kinds.iter().any(|kind| mounted.volume.has(kind))
            });
            if !is_writable {
                self.finds("/volumeMounts", format!("cannot write below {directory}"));
            }
        }
    }

    pub fn call_address(&mut self, name: &str, text: &str) -> bool {
        let Some((host, port)) = address(text) else { return false };
        self.call(host, port, name);
        true
    }

    pub fn call(&mut self, host: &str, port: i64, name: &str) {
        let field = format!("{}/env/{name}", self.container.field);
        self.behaviour.calls.push(Call { from: self.index, host: host.to_owned(), port, field });
    }

    /// The text of a file that is mounted from a ConfigMap.
    pub fn file(&self, path: &str) -> Option<&'w str> {
        self.file_of(self.container, path)
    }

    /// Like `file`, for another container of the pod.
    pub fn file_of(&self, container: &Container<'w>, path: &str) -> Option<&'w str> {
        let mounted = container.mounted(self.pod, path)?;
        let object = self.pod.object;
        let projected = mounted.volume.items("/projected/sources").iter();
        let mut names = std::iter::once(mounted.volume).chain(projected).map(|source| source.text("/configMap/name"));
        names.find_map(|name| self.world.config(object.place, &object.namespace, name, &mounted.inside))
    }

    /// Indices in `World::pods` of the pods to which a host resolves.
    pub fn pods_at(&self, host: &str) -> Vec<usize> {
        let object = self.pod.object;
        match resolve(self.world, object.place, &object.namespace, host) {
            Host::Service(service) => service.pods(self.world).map(|(index, _)| index).collect(),
            Host::Itself => vec![self.index],
            Host::External | Host::Nowhere => Vec::new(),
        }
    }
}

/// Whether an option of Java is a heap size, such as `-Xmx512m`, or one that suits any program.
fn is_java_option(option: &str) -> bool {
    let choices = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8"];
    if choices.contains(&option) {
        return true;
    }
    let size = option.strip_prefix("-Xmx").or_else(|| option.strip_prefix("-Xms"));
    size.and_then(|size| size.strip_suffix(['m', 'M', 'g', 'G'])).is_some_and(|size| size.parse::<u32>().is_ok())
}
