//! Image references, taken apart into registry, repository, tag and digest.

use std::fmt;

/// Registry of an image whose reference names none: Docker Hub.
const DOCKER_HUB: &str = "docker.io";
/// Host name under which Docker Hub serves its API, which is not the name in image references.
const DOCKER_HUB_HOST: &str = "index.docker.io";

/// Image reference, taken apart once, when settings or a claim are checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference {
    /// Registry, if there is one, and repository of the image.
    name: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl ImageReference {
    /// Image reference from a text. Every text has parts; the form [`IMAGE`](crate::schema::form::IMAGE) says which
    /// texts are images.
    pub fn read(text: &str) -> Self {
        let (tagged, digest) = cut(text, text.find('@'));
        let path = tagged.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = cut(tagged, tagged[path..].find(':').map(|colon| path + colon));
        Self { name: name.to_owned(), tag: tag.map(str::to_owned), digest: digest.map(str::to_owned) }
    }

    /// Whether the image is fixed to a version: by a digest, or by a tag other than `latest`.
    pub fn is_pinned(&self) -> bool {
        self.digest.is_some() || self.has_version()
    }

    /// Whether the image has a tag other than `latest`.
    pub fn has_version(&self) -> bool {
        self.tag.as_deref().is_some_and(|tag| !tag.is_empty() && tag != "latest")
    }

    /// This image in another registry, which may have a path.
    #[must_use]
    pub fn at(&self, registry: &str) -> Self {
        let repository = self.registry().map_or(self.name.as_str(), |(_, repository)| repository);
        Self { name: format!("{registry}/{repository}"), ..self.clone() }
    }

    /// Host name of the image's registry.
    pub fn host(&self) -> &str {
        match self.registry() {
            Some((registry, _)) if registry != DOCKER_HUB => registry,
            _ => DOCKER_HUB_HOST,
        }
    }

    /// Registry and repository of the image, for a chart that joins them with a slash. The first part of a path on
    /// Docker Hub stands in the place of the registry, because the joined text is then the reference as it was written.
    pub fn name_in_two(&self) -> (&str, &str) {
        self.name.split_once('/').unwrap_or((DOCKER_HUB, &self.name))
    }

    /// Tag of the image, with the digest behind it, for a Helm chart whose values have the tag apart and that puts a
    /// colon before it.
    pub fn version(&self) -> String {
        let tag = self.tag.as_deref().unwrap_or_default();
        self.digest.as_ref().map_or_else(|| tag.to_owned(), |digest| format!("{tag}@{digest}"))
    }

    /// Registry and repository of the image; `None` for one on Docker Hub whose reference names no registry. Only
    /// registries have a dot or a port, except `localhost`.
    fn registry(&self) -> Option<(&str, &str)> {
        let is_registry = |first: &str| first.contains(['.', ':']) || first == "localhost";
        self.name.split_once('/').filter(|(first, _)| is_registry(first))
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// Two halves of a text: before the sign at an index and behind it, or the whole text without an index.
fn cut(text: &str, sign: Option<usize>) -> (&str, Option<&str>) {
    sign.map_or((text, None), |sign| (&text[..sign], Some(&text[sign + 1..])))
}

#[cfg(test)]
mod tests {
    use super::ImageReference;
    use crate::settings::pins::Image;

    #[test]
    fn an_image_is_written_as_it_was_read() {
        let digest = format!("@sha256:{}", "a".repeat(64));
        let named = ["a:1", "a/b:1", "localhost/a:1", "mirror:5000/a/b:1.2", "mirror.example/a"].map(str::to_owned);
        let digested = ["a", "a:1", "mirror:5000/a", "mirror:5000/a:1"].map(|name| format!("{name}{digest}"));
        let pins = Image::ALL.map(|image| image.reference().to_owned());
        for text in named.into_iter().chain(digested).chain(pins) {
            assert_eq!(ImageReference::read(&text).to_string(), text);
        }
    }

    #[test]
    fn a_tag_is_behind_the_last_slash() {
        for (text, is_pinned, has_version) in [
            ("mirror:5000/a", false, false),
            ("a:latest", false, false),
            ("a", false, false),
            ("mirror:5000/a:1", true, true),
            ("mirror:5000/a@sha256:ab", true, false),
            ("a:latest@sha256:ab", true, false),
        ] {
            let image = ImageReference::read(text);
            assert_eq!((image.is_pinned(), image.has_version()), (is_pinned, has_version), "{text}");
        }
    }

    #[test]
    fn a_mirror_takes_the_place_of_the_registry() {
        for (text, mirrored, host) in [
            ("docker.io/library/postgres:17.11", "mirror:5000/all/library/postgres:17.11", "index.docker.io"),
            ("library/postgres:17", "mirror:5000/all/library/postgres:17", "index.docker.io"),
            ("postgres:17", "mirror:5000/all/postgres:17", "index.docker.io"),
            ("ghcr.io/a/b@sha256:ab", "mirror:5000/all/a/b@sha256:ab", "ghcr.io"),
            ("localhost/a:1", "mirror:5000/all/a:1", "localhost"),
            ("registry.istio.io/release", "mirror:5000/all/release", "registry.istio.io"),
        ] {
            let image = ImageReference::read(text);
            assert_eq!((image.at("mirror:5000/all").to_string().as_str(), image.host()), (mirrored, host));
        }
    }

    /// The chart of PostgreSQL joins the three texts to `registry/repository:tag`.
    #[test]
    fn an_image_is_taken_apart_where_a_chart_puts_it_together() {
        for (text, joined) in [
            ("docker.io/library/postgres:17.11", "docker.io/library/postgres:17.11"),
            ("mirror:5000/pg:17@sha256:ab", "mirror:5000/pg:17@sha256:ab"),
            ("library/postgres:17", "library/postgres:17"),
            ("postgres:17", "docker.io/postgres:17"),
        ] {
            let image = ImageReference::read(text);
            let (registry, repository) = image.name_in_two();
            assert_eq!(format!("{registry}/{repository}:{}", image.version()), joined);
        }
    }
}
