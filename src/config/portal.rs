//! Whose portal it seems to be, and who may frame it.
use std::path::PathBuf;

use clap::Args;

use crate::domain::brand::{Brand, Color, Logo, Origin};

/// Whose portal it seems to be.
#[derive(Args)]
pub struct PortalArgs {
    /// The product's name, as customers' admins see it in the portal
    #[arg(long, env = "CHANCERY_PORTAL_NAME", value_name = "NAME")]
    portal_name: Option<String>,

    /// Its logo: a file of at most 256 KiB that ends in .svg, .png, .webp or .jpg
    #[arg(long, env = "CHANCERY_PORTAL_LOGO", value_name = "FILE")]
    portal_logo: Option<PathBuf>,

    /// Its colour, as #rrggbb
    #[arg(long, env = "CHANCERY_PORTAL_COLOR", value_name = "COLOR")]
    portal_color: Option<Color>,

    /// Origins whose pages may show the portal in a frame, with commas between them
    #[arg(long, env = "CHANCERY_PORTAL_ORIGINS", value_delimiter = ',', value_name = "ORIGIN,…")]
    portal_origins: Vec<Origin>,
}

impl PortalArgs {
    /// # Errors
    /// One line when the logo is none.
    pub fn brand(&self) -> Result<Brand, String> {
        let logo = match &self.portal_logo {
            Some(path) => {
                let wrong = |why: String| format!("CHANCERY_PORTAL_LOGO={} {why}", path.display());
                let bytes = std::fs::read(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
                Some(Logo::parse(&path.to_string_lossy(), bytes).map_err(wrong)?)
            }
            None => None,
        };
        Ok(Brand { name: self.portal_name.clone(), logo, color: self.portal_color, origins: self.portal_origins.clone() })
    }
}
