//! `/revocations/{rev}`: when a revocation was published.
use axum::extract::Path;

use super::answer::Answer;
use super::call::Call;
use super::error::Stop;
use crate::authority::bound::PublishedRevocation;
use crate::http::reference::Routes;

pub fn routes() -> Routes {
    Routes::new("Revocations").get("/revocations/{rev}", find, "Show when a revocation was published", |op| {
        op.about("The revision is what Revocation-Rev said on the answer to the change. Needs events:read.")
            .answers::<PublishedRevocation>()
    })
}

pub async fn find(Path(rev): Path<String>, call: Call) -> Result<Answer, Stop> {
    Ok(Answer::ok(&call.app.authority.find_revocation(call.caller(), &rev).await?))
}
