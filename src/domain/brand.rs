//! Whose portal it seems to be: the embedding product's name, logo and colour, and whose pages may frame it.
use url::Url;

/// The largest logo, bytes.
pub const MAX_LOGO: usize = 256 * 1024;

#[derive(Clone, Debug, Default)]
pub struct Brand {
    pub name: Option<String>,
    pub logo: Option<Logo>,
    pub color: Option<Color>,
    /// Origins (RFC 6454) whose pages may show the portal in a frame; none is nobody.
    pub origins: Vec<Origin>,
}

/// A picture, as it is served.
#[derive(Clone, Debug)]
pub struct Logo {
    pub content_type: &'static str,
    pub bytes: Vec<u8>,
}

impl Logo {
    /// # Errors
    /// What is wrong with it, for a setting's name to stand before it.
    pub fn parse(file_name: &str, bytes: Vec<u8>) -> Result<Self, String> {
        let kinds = [(".svg", "image/svg+xml"), (".png", "image/png"), (".webp", "image/webp"), (".jpg", "image/jpeg")];
        let name = file_name.to_ascii_lowercase();
        let Some((_, content_type)) = kinds.into_iter().find(|(ending, _)| name.ends_with(ending)) else {
            return Err("takes a file that ends in .svg, .png, .webp or .jpg".into());
        };
        if bytes.is_empty() || bytes.len() > MAX_LOGO {
            return Err(format!("takes a picture of 1 to {MAX_LOGO} bytes, this has {}", bytes.len()));
        }
        Ok(Self { content_type, bytes })
    }
}

/// `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Color([u8; 3]);

impl std::str::FromStr for Color {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "takes a colour as #rrggbb".to_owned();
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii()).ok_or_else(wrong)?;
        let part = |at: usize| u8::from_str_radix(digits.get(at..at + 2).unwrap_or(""), 16).map_err(|_digits| wrong());
        Ok(Self([part(0)?, part(2)?, part(4)?]))
    }
}

impl std::fmt::Display for Color {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self([red, green, blue]) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Color {
    /// Whether black reads better on it than white (WCAG 2.2, relative luminance and contrast).
    pub fn is_light(self) -> bool {
        self.luminance() > 0.179
    }

    fn luminance(self) -> f64 {
        let linear = |part: u8| {
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        let Self([red, green, blue]) = self;
        0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
    }

    /// How well it is told from white, 1 to 21.
    fn contrast_with_white(self) -> f64 {
        1.05 / (self.luminance() + 0.05)
    }

    /// Whether text of this colour can be read on white.
    pub fn reads_on_white(self) -> bool {
        self.contrast_with_white() >= 4.5
    }
}

/// A scheme, a host and perhaps a port, byte for byte as a policy names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok().filter(|url| ["https", "http"].contains(&url.scheme()) && url.host().is_some());
        // A policy takes a star for any host.
        let plain = |origin: &str| origin.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:/[]".contains(&byte));
        match url.map(|url| url.origin().ascii_serialization()) {
            Some(origin) if origin == text.trim_end_matches('/') && plain(&origin) => Ok(Self(origin)),
            _ => Err(format!("{text:?} is no origin, as in https://app.example.com")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path_and_nothing_that_a_policy_could_mistake() {
        for good in ["https://app.example.com", "https://app.example.com:8443", "http://localhost:3000", "https://app.example.com/"] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in [
            "*",
            "https://*",
            "app.example.com",
            "https://a.example/path",
            "https://a.example; script-src *",
            "data:x",
            "https://u@a.example",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_colour_is_six_digits_and_tells_whether_it_is_light() {
        assert_eq!("#0A66c2".parse::<Color>().map(|color| color.to_string()), Ok("#0a66c2".into()));
        assert!("#ffd400".parse::<Color>().unwrap().is_light() && !"#0a66c2".parse::<Color>().unwrap().is_light());
        assert!("#0a66c2".parse::<Color>().unwrap().reads_on_white() && !"#ffd400".parse::<Color>().unwrap().reads_on_white());
        for bad in ["0a66c2", "#0a66c", "#0a66cg", "red", "#ffffff}"] {
            assert!(bad.parse::<Color>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_logo_is_a_picture_of_a_known_kind() {
        assert_eq!(Logo::parse("Logo.SVG", vec![1]).unwrap().content_type, "image/svg+xml");
        assert!(Logo::parse("logo.html", vec![1]).is_err() && Logo::parse("logo.png", Vec::new()).is_err());
    }
}
