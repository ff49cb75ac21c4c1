//! Scope (RFC 6749 §3.3): a set of case-sensitive scope tokens, written with single spaces between them.
use std::borrow::Borrow;
use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One scope token: `1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScopeToken(Box<str>);

/// Why a text is not a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// A character outside the grammar of RFC 6749 §3.3.
    #[error("a scope token takes the characters %x21, %x23-5B and %x5D-7E only")]
    Character,
    /// An empty token: a leading, trailing or double space.
    #[error("scope tokens are separated by exactly one space, with none before the first or after the last")]
    Empty,
}

impl ScopeToken {
    /// Reads one scope token.
    ///
    /// # Errors
    /// [`ScopeError`] when the text is empty or has a character outside the grammar.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.is_empty() {
            return Err(ScopeError::Empty);
        }
        if text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)) {
            Ok(Self(text.into()))
        } else {
            Err(ScopeError::Character)
        }
    }

    /// The token as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ScopeToken {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ScopeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of scope tokens; its written form is in ASCII order, so equal scopes are written alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scope(BTreeSet<ScopeToken>);

impl Scope {
    /// Reads a `scope` parameter or claim. The empty text is the empty scope; a repeated token counts once.
    ///
    /// # Errors
    /// [`ScopeError`] when a token is empty or has a character outside the grammar.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        text.split(' ').map(ScopeToken::parse).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the token is in the scope.
    pub fn contains(&self, token: &str) -> bool {
        self.0.contains(token)
    }

    /// Whether every token of this scope is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The tokens in ASCII order.
    pub fn iter(&self) -> impl Iterator<Item = &ScopeToken> {
        self.0.iter()
    }
}

impl FromIterator<ScopeToken> for Scope {
    fn from_iter<I: IntoIterator<Item = ScopeToken>>(tokens: I) -> Self {
        Self(tokens.into_iter().collect())
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, token) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&token.0)?;
        }
        Ok(())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6749_3_3_order_and_repetition_do_not_matter() {
        assert_eq!(Scope::parse("b a b").map(|scope| scope.to_string()), Ok("a b".into()));
        assert_eq!(Scope::parse(""), Ok(Scope::default()));
    }

    #[test]
    fn rfc6749_3_3_the_grammar_is_strict() {
        for text in [" a", "a ", "a  b"] {
            assert_eq!(Scope::parse(text), Err(ScopeError::Empty), "{text:?}");
        }
        for text in ["a\"", "a\\", "a\tb", "é", "a\u{7f}"] {
            assert_eq!(Scope::parse(text), Err(ScopeError::Character), "{text:?}");
        }
    }
}
