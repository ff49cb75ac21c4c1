//! Verifies one access token offline: `check_token ISSUER AUDIENCE TOKEN`.
use chancery_verifier::Verifier;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    match check().await {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            std::process::ExitCode::FAILURE
        }
    }
}

async fn check() -> Result<(), Box<dyn std::error::Error>> {
    let [issuer, audience, bearer] =
        std::env::args().skip(1).collect::<Vec<_>>().try_into().map_err(|_| "usage: check_token ISSUER AUDIENCE TOKEN")?;
    let verifier = Verifier::discover(issuer).audience(audience).connect().await?;
    let token = verifier.verify(&bearer).await?;
    let scope = token.scope.as_ref().map_or("none".to_owned(), ToString::to_string);
    println!("{} of {}, scope {scope}", token.principal().id(), token.organization());
    Ok(())
}
