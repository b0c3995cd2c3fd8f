//! Stands in front of each service: notes which methods are called on behalf of users, and can take the authorization
//! out of one, by asking as somebody else than who asks.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use http::{HeaderMap, HeaderValue, Request, Response, header::AUTHORIZATION};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::runtime::Handle;
use tonic::{
    body::Body,
    client::GrpcService,
    transport::{Channel, Endpoint},
};

const SERVICES: [&str; 3] = ["identity", "org", "project"];

/// One in front of each service.
#[derive(Clone)]
pub struct Proxies {
    ports: BTreeMap<&'static str, u16>,
    targets: BTreeMap<&'static str, Arc<OnceLock<String>>>,
    runtime: Handle,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    seen: BTreeSet<String>,
    /// By method and who asks (the header, `None` without one): as whom it is asked instead.
    instead: BTreeMap<(String, Option<String>), HeaderValue>,
    /// Where a mutant was asked.
    asked: BTreeSet<(String, Option<String>)>,
}

impl Proxies {
    /// They listen at once; what is behind them is told later.
    pub fn start(runtime: &Handle) -> Self {
        let mut proxies =
            Self { ports: BTreeMap::new(), targets: BTreeMap::new(), runtime: runtime.clone(), shared: Arc::default() };
        for service in SERVICES {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let target = Arc::<OnceLock<String>>::default();
            proxies.ports.insert(service, listener.local_addr().unwrap().port());
            proxies.targets.insert(service, Arc::clone(&target));
            runtime.spawn(listen(listener, target, Arc::clone(&proxies.shared)));
        }
        proxies
    }

    /// Puts the proxies where a process would find the services.
    pub fn stand_in(&self, environment: &mut BTreeMap<String, String>) {
        for service in SERVICES {
            if let Some(url) = environment.get_mut(&format!("TRELLIS_{}_URL", service.to_uppercase())) {
                let target = self.targets[service].get_or_init(|| url.clone());
                assert_eq!(target, url, "{service} is in two places");
                *url = self.url(service);
            }
        }
    }

    fn url(&self, service: &str) -> String {
        format!("http://127.0.0.1:{}", self.ports[service])
    }

    /// A way to the service that answers this method ("trellis.org.v1.OrgService/Join").
    pub fn channel(&self, method: &str) -> Channel {
        static CHANNELS: Mutex<BTreeMap<u16, Channel>> = Mutex::new(BTreeMap::new());
        let service = method.split('.').nth(1).filter(|name| self.ports.contains_key(name));
        let service = service.unwrap_or_else(|| panic!("no service answers {method}"));
        let _runtime = self.runtime.enter();
        let mut channels = CHANNELS.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Endpoint::from_shared(self.url(service)).unwrap().connect_lazy();
        channels.entry(self.ports[service]).or_insert_with(make).clone()
    }

    pub fn forget_seen(&self) {
        self.shared().seen.clear();
    }

    /// The methods that were called with a user's token.
    pub fn seen(&self) -> BTreeSet<String> {
        self.shared().seen.clone()
    }

    /// Takes the authorization out of one method, for one asker: what he asks is asked as `instead`.
    pub fn mutate(&self, method: &str, asker: Option<&str>, instead: &str) {
        let mut instead = HeaderValue::from_str(instead).unwrap();
        instead.set_sensitive(true);
        self.shared().instead.insert((method.to_owned(), asker.map(str::to_owned)), instead);
    }

    /// Puts it back; whether it was asked meanwhile.
    pub fn mend(&self, method: &str, asker: Option<&str>) -> bool {
        let key = (method.to_owned(), asker.map(str::to_owned));
        let mut shared = self.shared();
        shared.instead.remove(&key);
        shared.asked.remove(&key)
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Notes the call, and asks it as somebody else where that is wanted.
    fn pass(&mut self, path: &str, headers: &mut HeaderMap) {
        let method = path.trim_start_matches('/').to_owned();
        let asker = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        if asker.as_ref().is_some_and(|value| value.starts_with("Bearer ")) {
            self.seen.insert(method.clone());
        }
        let key = (method, asker);
        if let Some(instead) = self.instead.get(&key) {
            headers.insert(AUTHORIZATION, instead.clone());
            self.asked.insert(key);
        }
    }
}

async fn listen(listener: TcpListener, target: Arc<OnceLock<String>>, shared: Arc<Mutex<Shared>>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let way = Arc::<OnceLock<Channel>>::default();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        stream.set_nodelay(true).ok();
        let (target, way, shared) = (Arc::clone(&target), Arc::clone(&way), Arc::clone(&shared));
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let url = target.get().expect("who calls was told where").clone();
                let channel = way.get_or_init(|| Endpoint::from_shared(url).unwrap().tcp_nodelay(true).connect_lazy());
                pass(channel.clone(), Arc::clone(&shared), request)
            });
            let mut server = auto::Builder::new(TokioExecutor::new()).http2_only();
            server.http2().max_concurrent_streams(1000);
            server.serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn pass(
    mut channel: Channel,
    shared: Arc<Mutex<Shared>>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (mut head, body) = request.into_parts();
    shared.lock().unwrap_or_else(PoisonError::into_inner).pass(head.uri.path(), &mut head.headers);
    head.uri = head.uri.path().parse().unwrap();
    let answer = async {
        std::future::poll_fn(|cx| channel.poll_ready(cx)).await?;
        channel.call(Request::from_parts(head, Body::new(body))).await
    };
    Ok(answer.await.unwrap_or_else(|error| tonic::Status::unavailable(error.to_string()).into_http()))
}
