//! The clients and how they find credentials, region and endpoint.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector, proxy::ProxyConfig};

use super::Account;
use super::error::DeployError;

/// Attempts of one call. Throttling of CloudFormation's control plane lasts seconds; with the SDK's exponential back-off and
/// full jitter (at most 20 s each) eight attempts outlast a minute of it.
const ATTEMPTS: u32 = 8;

/// Attempts against a local AWS, which does not throttle: a server that is not there should be noticed at once.
const LOCAL_ATTEMPTS: u32 = 3;

/// The region of a local AWS, unless another is given.
const LOCAL_REGION: &str = "us-east-1";

/// How often the state of an operation is asked for: `first`, then longer each time up to `longest`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// The first interval.
    pub(super) first: Duration,
    /// The longest interval.
    pub(super) longest: Duration,
}

impl Pace {
    /// AWS: operations take seconds to minutes, and describing is throttled per account.
    const REMOTE: Self = Self { first: Duration::from_secs(1), longest: Duration::from_secs(2) };
    /// A local AWS: operations take milliseconds.
    pub(super) const LOCAL: Self = Self { first: Duration::from_millis(100), longest: Duration::from_secs(1) };

    /// The interval after `interval`: a quarter longer.
    pub(super) fn after(self, interval: Duration) -> Duration {
        (interval + interval / 4).min(self.longest)
    }
}

/// The services that a deployment uses. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Aws {
    /// CloudFormation.
    pub(super) cloudformation: aws_sdk_cloudformation::Client,
    /// S3, for templates that are too large to send inline.
    pub(super) s3: aws_sdk_s3::Client,
    /// STS, to know the account.
    sts: aws_sdk_sts::Client,
    /// What the clients of further services are made of.
    #[cfg(feature = "operate")]
    pub(crate) config: SdkConfig,
    /// The region that is deployed to.
    pub(crate) region: String,
    /// How often to ask.
    pub(super) pace: Pace,
}

/// Whose credentials are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The account, 12 digits.
    pub(crate) account: String,
    /// The ARN of the user or the role's session.
    #[cfg(feature = "operate")]
    pub(crate) arn: String,
}

impl Aws {
    /// Clients for `account`. Nothing is called yet, except what the credential chain needs.
    pub(super) async fn connect(account: &Account) -> Result<Self, DeployError> {
        let config = if account.local { local_config(account) } else { chain_config(account).await };
        let region = config.region().ok_or(DeployError::NoRegion)?.to_string();
        // Behind one endpoint for all services there is no bucket in the host name.
        let path_style = config.endpoint_url().is_some();
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(path_style).build();
        let pace = if account.local { Pace::LOCAL } else { Pace::REMOTE };
        Ok(Self {
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            sts: aws_sdk_sts::Client::new(&config),
            #[cfg(feature = "operate")]
            config,
            region,
            pace,
        })
    }

    /// Refuses credentials of another account than `expected`.
    pub(super) async fn require_account(&self, expected: &str) -> Result<(), DeployError> {
        let Identity { account, .. } = self.identity().await?;
        if account == expected {
            return Ok(());
        }
        Err(DeployError::WrongAccount { expected: expected.to_owned(), actual: account })
    }

    /// Whose credentials they are.
    pub(crate) async fn identity(&self) -> Result<Identity, DeployError> {
        let identity = self.sts.get_caller_identity().send().await;
        let identity = identity.map_err(|error| DeployError::call("sts:GetCallerIdentity", None, &error))?;
        Ok(Identity {
            account: identity.account.unwrap_or_default(),
            #[cfg(feature = "operate")]
            arn: identity.arn.unwrap_or_default(),
        })
    }
}

/// The chain of the AWS CLI: arguments, environment, profile, SSO, credential process, container and instance roles.
async fn chain_config(account: &Account) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .http_client(http_client(true));
    if let Some(region) = &account.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &account.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &account.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    loader.load().await
}

/// A local AWS takes any credentials, so none of the user's are read, let alone sent.
fn local_config(account: &Account) -> SdkConfig {
    let credentials = Credentials::new("test", "test", None, None, "local");
    let region = account.region.clone().unwrap_or_else(|| LOCAL_REGION.to_owned());
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region))
        .retry_config(RetryConfig::standard().with_max_attempts(LOCAL_ATTEMPTS))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client(false));
    builder.set_endpoint_url(account.endpoint_url.clone());
    builder.build()
}

/// HTTPS with rustls and ring, and the proxies of the environment (`HTTPS_PROXY`, `NO_PROXY`) as the AWS CLI takes them.
fn http_client(proxies: bool) -> SharedHttpClient {
    let provider = Provider::Rustls(CryptoMode::Ring);
    Builder::new().build_with_connector_fn(move |settings, components| {
        let proxy = if proxies { ProxyConfig::from_env() } else { ProxyConfig::disabled() };
        let mut connector = Connector::builder().proxy_config(proxy);
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(aws_sdk_cloudformation::config::RuntimeComponents::sleep_impl));
        connector.tls_provider(provider.clone()).build()
    })
}
