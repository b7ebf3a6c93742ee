//! The named checks of an Apache server, each with the command that mends it.

use aegir_core::Result;
use aegir_core::entity::Server;
use aegir_core::server::{Command, Observer};
use aegir_core::service::{Check, PlanContext};
use camino::Utf8Path;

use super::Config;
use super::machine::{CONFIGTEST, ENABLED_INCLUDE, MODULES, MODULES_ENABLED, RELOAD, TEST};

const INIT: &str = "as root: `aegir init`";

pub(super) async fn all(config: &Config, server: &Server, cx: &PlanContext<'_>) -> Result<Vec<Check>> {
    let observer = cx.observe_server(server).await?;
    let installed = installed(server)?;
    if installed.finding == aegir_core::service::Finding::Fail {
        return Ok(vec![installed]);
    }
    Ok(vec![
        installed,
        modules(&observer).await?,
        include(server, &observer).await?,
        sudo(server, &observer).await?,
        sockets(server, &observer).await?,
        answers(config, server, &observer).await?,
    ])
}

fn installed(server: &Server) -> Result<Check> {
    Ok(match &server.facts()?.apache {
        Some(version) if version.starts_with("Apache/2.4") => Check::pass("web.apache", version.clone()),
        Some(version) => Check::fail("web.apache", format!("{version}; Aegir knows Apache 2.4"), "use a system with Apache 2.4"),
        None => Check::fail("web.apache", "Apache is not installed", "as root: `apt-get install apache2`"),
    })
}

async fn modules(observer: &Observer) -> Result<Check> {
    let enabled = observer.list(Utf8Path::new(MODULES_ENABLED)).await?.unwrap_or_default();
    let missing: Vec<&str> = MODULES.iter().copied().filter(|m| !enabled.contains(&format!("{m}.load"))).collect();
    Ok(if missing.is_empty() {
        Check::pass("web.modules", MODULES.join(", "))
    } else {
        Check::fail(
            "web.modules",
            format!("not enabled: {}", missing.join(", ")),
            format!("as root: `a2enmod {} && systemctl restart apache2`", missing.join(" ")),
        )
    })
}

async fn include(server: &Server, observer: &Observer) -> Result<Check> {
    let directory = server.config_dir();
    Ok(match observer.read_text(Utf8Path::new(ENABLED_INCLUDE)).await? {
        Some(text) if text.contains(directory.as_str()) => Check::pass("web.include", format!("{ENABLED_INCLUDE} includes {directory}")),
        Some(_) => Check::fail("web.include", format!("{ENABLED_INCLUDE} does not include {directory}"), INIT),
        None => Check::fail("web.include", format!("there is no {ENABLED_INCLUDE}"), INIT),
    })
}

async fn sudo(server: &Server, observer: &Observer) -> Result<Check> {
    if server.facts()?.user == "root" {
        return Ok(Check::pass("web.sudo", "commands run as root"));
    }
    for argv in [TEST, RELOAD, CONFIGTEST] {
        let output = observer.ask(&Command::new("sudo").args(["-n", "-l", "--"]).args(argv)).await?;
        if !output.ok() {
            return Ok(Check::fail("web.sudo", format!("sudo does not allow `{}`: {}", argv.join(" "), output.error_text().trim()), INIT));
        }
    }
    Ok(Check::pass("web.sudo", "test and reload are allowed"))
}

async fn sockets(server: &Server, observer: &Observer) -> Result<Check> {
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for php in &server.facts()?.php {
        if let Some(socket) = &php.fpm {
            let stands = observer.stat(socket).await?.is_some();
            if stands { found.push(socket.as_str()) } else { missing.push(php.version_text()) }
        }
    }
    Ok(if let Some(version) = missing.first() {
        let mend = format!("as root: `systemctl start php{version}-fpm`");
        let evidence = format!("PHP-FPM {} does not run", missing.join(", "));
        if found.is_empty() { Check::fail("web.php", evidence, mend) } else { Check::warn("web.php", evidence, mend) }
    } else if found.is_empty() {
        Check::fail(
            "web.php",
            "there is no PHP-FPM",
            "as root: `apt-get install php-fpm php-mysql php-gd php-xml php-mbstring php-curl php-zip php-intl`",
        )
    } else {
        Check::pass("web.php", found.join(", "))
    })
}

async fn answers(config: &Config, server: &Server, observer: &Observer) -> Result<Check> {
    let port = config.port;
    // Before the first configuration with this port Apache listens only where Debian, or the port before, lets it.
    let standing = observer.read_text(&server.config_dir().join("apache.conf")).await?.unwrap_or_default();
    if port != 80 && !standing.contains(&format!("<VirtualHost *:{port}>")) {
        return Ok(Check::pass("web.answers", format!("port {port} is not configured yet")));
    }
    let command = Command::new("curl")
        .args(["--silent", "--show-error", "--noproxy", "*", "--max-time", "10", "--output", "/dev/null"])
        .args(["--write-out", "%{http_code}", "--", &format!("http://127.0.0.1:{port}/")]);
    let output = observer.ask(&command).await?;
    Ok(if output.ok() {
        Check::pass("web.answers", format!("port {port} answers"))
    } else {
        Check::fail(
            "web.answers",
            format!("port {port} does not answer: {}", output.error_text().trim()),
            "as root: `systemctl start apache2`, and see why with `apache2ctl configtest`",
        )
    })
}
