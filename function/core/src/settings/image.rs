//! References of container images, taken apart into registry, repository, tag and digest.

use std::fmt;

/// Registry of a container image whose reference names no registry: Docker Hub.
const DOCKER_HUB: &str = "docker.io";
/// Host name to which Knative sends its requests to Docker Hub. In references of container images, Docker Hub has the
/// name `docker.io`.
const DOCKER_HUB_HOST: &str = "index.docker.io";

/// Reference of a container image, taken apart into name, tag and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference {
    /// Name of a container image: the registry, if the reference names one, and the repository.
    name: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl ImageReference {
    /// Image reference from a text, which is taken apart unchecked: the pattern [`IMAGE`](crate::schema::form::IMAGE)
    /// of claims and settings refuses texts that are not images.
    pub fn read(text: &str) -> Self {
        let (tagged, digest) = cut(text, text.find('@'));
        let path = tagged.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = cut(tagged, tagged[path..].find(':').map(|colon| path + colon));
        Self { name: name.to_owned(), tag: tag.map(str::to_owned), digest: digest.map(str::to_owned) }
    }

    /// Whether the reference of a container image fixes a version: by a digest, or by a tag other than `latest`.
    pub fn is_pinned(&self) -> bool {
        self.digest.is_some() || self.has_version()
    }

    /// Message about a reference in a claim that fixes no version, worded to follow the name of the claim's field; `None`
    /// for a reference that fixes one.
    pub fn unpinned(&self) -> Option<&'static str> {
        let message = "must end in a tag other than latest, or in a digest (@sha256:…): otherwise the image can change while its name stays the same";
        (!self.is_pinned()).then_some(message)
    }

    /// Whether the reference of a container image has a tag other than `latest`.
    pub fn has_version(&self) -> bool {
        self.tag.as_deref().is_some_and(|tag| !tag.is_empty() && tag != "latest")
    }

    /// Reference of the same container image in another registry, such as a mirror; `registry` may have a path.
    #[must_use]
    pub fn at(&self, registry: &str) -> Self {
        let repository = self.registry().map_or(self.name.as_str(), |(_, repository)| repository);
        Self { name: format!("{registry}/{repository}"), ..self.clone() }
    }

    /// Host name of the registry from which a container image is pulled; for Docker Hub, the host name of its API.
    pub fn host(&self) -> &str {
        match self.registry() {
            Some((registry, _)) if registry != DOCKER_HUB => registry,
            _ => DOCKER_HUB_HOST,
        }
    }

    /// Registry and repository of a container image, for a Helm chart that has a value for each and joins the two with
    /// a slash. For a reference without a registry, such as `library/postgres:17`, the first part `library` takes the
    /// place of the registry, so that the chart's joined text is the same reference.
    pub fn name_in_two(&self) -> (&str, &str) {
        self.name.split_once('/').unwrap_or((DOCKER_HUB, &self.name))
    }

    /// Tag of a container image, with the digest behind it, for a Helm chart that has a value for the tag alone and
    /// puts a colon before the tag.
    pub fn version(&self) -> String {
        let tag = self.tag.as_deref().unwrap_or_default();
        self.digest.as_ref().map_or_else(|| tag.to_owned(), |digest| format!("{tag}@{digest}"))
    }

    /// Registry and repository of a container image whose reference names a registry; `None` for any other image, which
    /// is on Docker Hub. The first part of a reference is a registry only if it has a dot or a port, or is `localhost`.
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

/// Splits an image reference at the index of a separator: the text before the separator, and the text behind it.
/// Without an index, the first text is the whole reference and the second is `None`.
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
