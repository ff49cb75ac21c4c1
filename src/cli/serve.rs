//! `chancery serve`: assembly, from the settings to the running authority and back down.
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{DumpableBehavior, Resource, Rlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::tell;
use crate::authority::{Deployment, start};
use crate::clock::Clock;
use crate::config::ServeArgs;
use crate::domain::credential::Secret;
use crate::http::{self, App, TrustedProxies};
use crate::keys::provider;
use crate::telemetry;

/// How long readiness is false before the listener closes, so that a load balancer can look away.
const GRACE: Duration = Duration::from_millis(500);

pub(super) async fn serve(args: ServeArgs) -> Result<(), String> {
    provider::install();
    telemetry::start(&args.log)?;
    keep_private();
    let preset = args.preset()?;
    args.master_key().check().map_err(|error| error.to_string())?;
    let mut signals = Signals::listen()?;
    let bind = async |name: &str, address| {
        TcpListener::bind(address).await.map_err(|error| format!("{name}={address} cannot be listened on: {error}; stop what listens there, another chancery perhaps, or set {name} to another address"))
    };
    let public = bind("CHANCERY_LISTEN", args.listen).await?;
    let internal = bind("CHANCERY_METRICS_LISTEN", args.metrics_listen).await?;
    let bound = public.local_addr().map_err(|error| error.to_string())?;
    let deployment = Deployment {
        issuer: args.issuer(bound)?,
        schedule: args.schedule(),
        status: args.status_profile.into(),
        lease: args.lease,
        expires_in_jitter: args.expires_in_jitter,
        api_key_prefix: args.api_key_prefix.clone(),
        webhook_networks: args.webhook_networks.clone(),
        brand: args.portal.brand()?,
        openid: args.openid.registration()?,
    };
    let issuer = deployment.issuer.clone();
    if !deployment.schedule.leads_long_enough() {
        tracing::warn!(lead = ?deployment.schedule.lead, "CHANCERY_KEY_LEAD is shorter than verifiers cache keys: a rotation may make good tokens fail");
    }
    let (database, _lock) = args.database.url()?.open(args.connections()).await.map_err(|error| error.to_string())?;
    let authority =
        match start::start(deployment, database.clone(), &args.master_key(), preset, Clock::system(), |key| announce(key, &issuer)).await {
            Ok(authority) => authority,
            Err(error) => {
                database.close().await;
                return Err(error.to_string());
            }
        };
    let app = App::new(Arc::clone(&authority), TrustedProxies(args.trusted_proxies));
    let (stop, stopped) = watch::channel(false);
    let (end, ended) = watch::channel(false);
    let servers = [
        tokio::spawn(http::listen::serve(public, http::router(&app), Arc::clone(&app), stopped.clone())),
        tokio::spawn(http::listen::serve(internal, http::internal_router(&app), Arc::clone(&app), stopped)),
    ];
    let watcher = tokio::spawn(Arc::clone(&app.overload).watch(ended.clone()));
    let follower = tokio::spawn(Arc::clone(&authority).follow_store(ended.clone()));
    let publisher = tokio::spawn(Arc::clone(&authority).publish_status(ended.clone()));
    let courier = tokio::spawn(Arc::clone(&authority).deliver_webhooks(ended.clone()));
    let house = tokio::spawn(Arc::clone(&authority).keep_house(ended));
    tracing::info!(issuer, listen = %bound, "the authority is ready");
    signals.next().await;
    tracing::info!("stopping: requests that run are finished first");
    app.drain.begin();
    tokio::time::sleep(GRACE).await;
    stop.send_replace(true);
    let finish = async {
        for server in servers {
            let _ = server.await;
        }
        end.send_replace(true);
        let _ = house.await;
        let _ = courier.await;
        let _ = publisher.await;
        let _ = follower.await;
        let _ = watcher.await;
        authority.close_store().await;
    };
    // A second signal ends at once; that is as safe as kill -9 is.
    tokio::select! {
        () = finish => tracing::info!("stopped"),
        () = signals.next() => {}
    }
    Ok(())
}

/// The one time the first management key is shown.
fn announce(key: &Secret, issuer: &str) {
    tell(&format!(
        "\n  This is your management key. It is shown this once; keep it in a safe place:\n\n      {}\n\n  Open {issuer}/ and sign in with it, or use it as \"Authorization: Bearer <key>\"; set CHANCERY_MANAGEMENT_KEY for the commands.\n",
        key.expose()
    ));
}

/// What asks the process to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("signals cannot be listened for: {error}"));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// What we write is ours alone to read, keys in memory go into no core file (K11), and there are as many file descriptors as we may have.
fn keep_private() {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    if rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err() {
        tracing::warn!("the process cannot be made undumpable");
    }
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let files = rustix::process::getrlimit(Resource::Nofile);
    let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: files.maximum, maximum: files.maximum });
}
