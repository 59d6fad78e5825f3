//! The SDK's exporters over gRPC, through the connector and with the headers of the settings and no others.

use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::Uri;
use http::uri::Scheme;
use opentelemetry_otlp::{WithExportConfig, WithTonicConfig};
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::transport::{Channel, Endpoint};
use tower_service::Service;

use super::target::{BoxError, Compression, Dial, Target};

/// A connection that is silent for so long is asked for a sign of life with the next request; without one it is given up.
const SILENT: Duration = Duration::from_secs(30);

/// How long that sign is waited for.
const SIGN: Duration = Duration::from_secs(10);

/// One connection for both signals, made when it is first needed.
pub(super) fn channel<C: Dial>(target: &Target, connector: C) -> Result<Channel, BoxError> {
    let endpoint = Endpoint::from(plain(&target.endpoint)?)
        .origin(target.endpoint.clone())
        .user_agent(concat!("dockpulse/", env!("CARGO_PKG_VERSION")))?
        .connect_timeout(target.timeout)
        .timeout(target.timeout)
        .http2_keep_alive_interval(SILENT)
        .keep_alive_timeout(SIGN);
    Ok(endpoint.connect_with_connector_lazy(Dialer { inner: connector, address: target.endpoint.clone() }))
}

/// Sets what is the same for both signals.
pub(super) fn configured<B: WithTonicConfig + WithExportConfig>(builder: B, target: &Target, channel: Channel) -> B {
    let builder =
        builder.with_channel(channel).with_timeout(target.timeout).with_interceptor(OnlyThese(target.clone()));
    match target.compression {
        Compression::None => builder,
        Compression::Gzip | Compression::Zstd => builder.with_compression(opentelemetry_otlp::Compression::Gzip),
    }
}

/// Replaces all metadata: the exporter would add the environment's headers, which the settings have weighed already.
#[derive(Clone)]
struct OnlyThese(Target);

impl Interceptor for OnlyThese {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        *request.metadata_mut() = MetadataMap::from_headers(self.0.secret_headers());
        Ok(request)
    }
}

/// tonic refuses `https` without its own TLS, which this connector brings along; so tonic is shown `http`.
fn plain(address: &Uri) -> Result<Uri, BoxError> {
    let mut parts = address.clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.path_and_query.get_or_insert(http::uri::PathAndQuery::from_static("/"));
    Ok(Uri::from_parts(parts)?)
}

/// Connects to the real address.
#[derive(Clone)]
struct Dialer<C> {
    inner: C,
    address: Uri,
}

impl<C: Dial> Service<Uri> for Dialer<C> {
    type Response = C::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<C::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let dialled = self.inner.call(self.address.clone());
        async move { dialled.await.map_err(Into::into) }.boxed()
    }
}
