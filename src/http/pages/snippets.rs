//! Ready-made ways to use a credential, with everything filled in but the secret, which comes from the environment.
/// What was made.
pub enum Credential<'a> {
    Client { client_id: &'a str, token_endpoint: &'a str },
    ApiKey { organization_id: &'a str },
}

/// For a file that keeps secrets beside a program; `secret` is only in the answer that shows it anyway.
pub fn dotenv(credential: &Credential<'_>, secret: &str) -> String {
    match credential {
        Credential::Client { client_id, token_endpoint } => {
            format!("CLIENT_ID={client_id}\nCLIENT_SECRET={secret}\nTOKEN_ENDPOINT={token_endpoint}\n")
        }
        Credential::ApiKey { organization_id } => format!("API_KEY={secret}\nORGANIZATION_ID={organization_id}\n"),
    }
}

pub fn snippets(credential: &Credential<'_>) -> Vec<(&'static str, String)> {
    match credential {
        Credential::Client { client_id, token_endpoint } => of_client(client_id, token_endpoint),
        Credential::ApiKey { organization_id } => of_api_key(organization_id),
    }
}

fn of_client(id: &str, endpoint: &str) -> Vec<(&'static str, String)> {
    let curl = format!("curl -u \"{id}:$CLIENT_SECRET\" {endpoint} \\\n  -d grant_type=client_credentials");
    let python = format!(
        r#"import os
from authlib.integrations.requests_client import OAuth2Session

client = OAuth2Session("{id}", os.environ["CLIENT_SECRET"])
token = client.fetch_token("{endpoint}", grant_type="client_credentials")
print(token["access_token"])
"#
    );
    let node = format!(
        r#"const answer = await fetch("{endpoint}", {{
  method: "POST",
  headers: {{ authorization: "Basic " + btoa("{id}:" + process.env.CLIENT_SECRET) }},
  body: new URLSearchParams({{ grant_type: "client_credentials" }}),
}});
const {{ access_token, expires_in }} = await answer.json();
"#
    );
    let go = format!(
        r#"config := clientcredentials.Config{{
	ClientID:     "{id}",
	ClientSecret: os.Getenv("CLIENT_SECRET"),
	TokenURL:     "{endpoint}",
}}
client := config.Client(context.Background()) // golang.org/x/oauth2/clientcredentials
"#
    );
    let rust = format!(
        r#"let token: serde_json::Value = reqwest::Client::new()
    .post("{endpoint}")
    .basic_auth("{id}", std::env::var("CLIENT_SECRET").ok())
    .form(&[("grant_type", "client_credentials")])
    .send().await?.error_for_status()?.json().await?;
"#
    );
    let actions = format!(
        r#"- name: Obtain an access token
  run: |
    token=$(curl -sf -u "{id}:$CLIENT_SECRET" {endpoint} -d grant_type=client_credentials | jq -r .access_token)
    echo "::add-mask::$token"
    echo "ACCESS_TOKEN=$token" >> "$GITHUB_ENV"
  env:
    CLIENT_SECRET: ${{{{ secrets.CLIENT_SECRET }}}}
"#
    );
    vec![("curl", curl), ("Python", python), ("Node", node), ("Go", go), ("Rust", rust), ("GitHub Actions", actions)]
}

fn of_api_key(organization: &str) -> Vec<(&'static str, String)> {
    let url = "https://api.example.com/…";
    let curl = format!("curl -H \"X-Api-Key: $API_KEY\" -H \"X-Organization-Id: {organization}\" {url}");
    let python = format!(
        r#"import os, requests

answer = requests.get("{url}", headers={{"X-Api-Key": os.environ["API_KEY"], "X-Organization-Id": "{organization}"}})
"#
    );
    let node = format!(
        r#"const answer = await fetch("{url}", {{
  headers: {{ "x-api-key": process.env.API_KEY, "x-organization-id": "{organization}" }},
}});
"#
    );
    let go = format!(
        r#"request, _ := http.NewRequest("GET", "{url}", nil)
request.Header.Set("X-Api-Key", os.Getenv("API_KEY"))
request.Header.Set("X-Organization-Id", "{organization}")
"#
    );
    let rust = format!(
        r#"let answer = reqwest::Client::new()
    .get("{url}")
    .header("x-api-key", std::env::var("API_KEY")?)
    .header("x-organization-id", "{organization}")
    .send().await?;
"#
    );
    let actions = format!(
        r#"- name: Call the API
  run: curl -sf -H "X-Api-Key: $API_KEY" -H "X-Organization-Id: {organization}" {url}
  env:
    API_KEY: ${{{{ secrets.API_KEY }}}}
"#
    );
    vec![("curl", curl), ("Python", python), ("Node", node), ("Go", go), ("Rust", rust), ("GitHub Actions", actions)]
}
