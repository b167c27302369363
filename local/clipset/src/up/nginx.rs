//! nginx's configuration, rendered from the templates into the run folder.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};

use super::{folder::Secrets, plan::Plan};
use crate::data::write_private;

/// The largest disk cache. The bucket is on the same disk, so more would be the same bytes twice.
const CACHE_MAX_SIZE: &str = "2g";

/// The template and the file that is made from it.
const FILES: [(&str, &str); 2] =
    [("nginx.conf.template", "nginx.conf"), ("templates/default.conf.template", "default.conf")];

/// Writes the configuration for a bucket at `bucket_upstream` (`HOST:PORT`).
///
/// # Errors
/// A sentence about a template or a value that cannot be used.
pub(super) fn write_configuration(
    plan: &Plan,
    secrets: &Secrets,
    api_upstream: &str,
    bucket_upstream: &str,
) -> Result<()> {
    let run = plan.data.run();
    let path =
        |path: &Path| path.to_str().map(str::to_owned).with_context(|| format!("{} is not UTF-8", path.display()));
    let previous = secrets.signing_previous.as_ref().map_or("", |secret| secret.expose());
    let trusted = plan.trusted_proxies.networks().iter().map(|network| format!("set_real_ip_from {network}; "));
    let values = [
        ("HLS_SIGNING_SECRET", secrets.signing.expose().to_owned()),
        ("HLS_SIGNING_SECRET_PREVIOUS", previous.to_owned()),
        ("LISTEN", plan.listen.to_string()),
        ("API_UPSTREAM", api_upstream.to_owned()),
        ("BUCKET_UPSTREAM", bucket_upstream.to_owned()),
        ("BUCKET", plan.bucket.clone()),
        ("PAGES_DIR", path(&plan.pages)?),
        ("CACHE_DIR", path(&plan.data.path("cache"))?),
        ("CACHE_MAX_SIZE", CACHE_MAX_SIZE.to_owned()),
        ("TOMBSTONES_DIR", path(&plan.data.path("tombstones"))?),
        ("RUN_DIR", path(&run)?),
        ("ACCESS_LOG", path(&plan.access_log)?),
        ("REAL_IP_FROM", trusted.collect()),
    ];
    for (template, file) in FILES {
        let template = plan.nginx_dir.join(template);
        let text = fs::read_to_string(&template).with_context(|| format!("{} cannot be read", template.display()))?;
        let rendered = render(&text, &values)?;
        write_private(&run.join(file), rendered.as_bytes()).with_context(|| format!("{file} cannot be written"))?;
    }
    Ok(())
}

/// `template` with `${NAME}` replaced for exactly these names, in one pass: nginx's own variables stay.
///
/// # Errors
/// A sentence about a value that could break out of its place.
fn render(template: &str, values: &[(&str, String)]) -> Result<String> {
    for (name, value) in values {
        let harmless = value.chars().all(|c| !c.is_control() && !matches!(c, '"' | '\'' | '\\' | '$'));
        ensure!(harmless, "{name} must not contain quotes, backslashes or dollar signs: {value:?}");
    }
    let mut rendered = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        rendered.push_str(before);
        let name = from[2..].split_once('}').map(|(name, _)| name);
        let known = name.and_then(|name| values.iter().find(|(known, _)| *known == name));
        match known {
            Some((name, value)) => {
                rendered.push_str(value);
                rest = &from[name.len() + 3..];
            }
            None => {
                rendered.push_str("${");
                rest = &from[2..];
            }
        }
    }
    rendered.push_str(rest);
    Ok(rendered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_known_names_are_replaced_and_once() {
        let values = [("LISTEN", "127.0.0.1:80".to_owned()), ("BUCKET", "${LISTEN}".replace('$', "#"))];
        let rendered = render("listen ${LISTEN}; $LISTEN ${request_time} ${BUCKET} $${ ${", &values).expect("harmless");
        assert_eq!(rendered, "listen 127.0.0.1:80; $LISTEN ${request_time} #{LISTEN} $${ ${");
    }

    #[test]
    fn a_value_cannot_break_out_of_its_quotes() {
        for value in ["a\"b", "a$b", "a\\", "a\nb"] {
            assert!(render("", &[("PAGES_DIR", value.to_owned())]).is_err(), "{value:?}");
        }
    }

    #[test]
    fn every_name_in_the_templates_is_known() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../nginx");
        for (template, _) in FILES {
            let text = fs::read_to_string(folder.join(template)).expect(template);
            let names = text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name);
            for name in names.filter(|name| name.chars().all(|c| c.is_ascii_uppercase() || c == '_') && *name != "NAME")
            {
                let source = include_str!("nginx.rs");
                assert!(source.contains(&format!("(\"{name}\", ")), "{name} in {template}");
            }
        }
    }
}
