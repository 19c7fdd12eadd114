//! How a template reaches CloudFormation: in the request, or through a bucket.

use std::time::Duration;

use aws_sdk_cloudformation::types::Stack;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;

use super::PlannedStack;
use super::aws::Aws;
use super::error::DeployError;
use crate::digest::sha256;

/// CloudFormation quota: the largest template in a request, in bytes.
pub(super) const INLINE_LIMIT: usize = 51_200;

/// CloudFormation quota: the largest template in S3, in bytes (its message says "1000000 bytes").
pub(super) const LIMIT: usize = 1_000_000;

/// The output that names the bucket, in the stack that provides it.
pub(super) const BUCKET_OUTPUT: &str = "ArtifactBucketName";

/// Where CloudFormation finds a template.
#[derive(Debug, Clone)]
pub(super) enum TemplateSource {
    /// In the request.
    Inline(String),
    /// In S3.
    Url(String),
}

/// Where large templates go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Bucket {
    /// To this bucket.
    Named(String),
    /// To the bucket of this stack, once it is deployed.
    After(String),
    /// Nowhere.
    None,
}

/// Whether the template must go through a bucket; an error if it is too large even for that.
pub(super) fn is_large(stack: &PlannedStack) -> Result<bool, DeployError> {
    let bytes = stack.template.len();
    if bytes > LIMIT {
        let (stack, path) = (stack.name.clone(), stack.template_path.clone());
        return Err(DeployError::TemplateTooLarge { stack, path, bytes, limit: LIMIT });
    }
    Ok(bytes > INLINE_LIMIT)
}

/// The bucket: the configured one, else the one of the stack that provides it.
pub(super) fn bucket<'a>(
    configured: Option<&str>,
    stacks: impl IntoIterator<Item = (&'a PlannedStack, Option<&'a Stack>)>,
) -> Bucket {
    if let Some(name) = configured {
        return Bucket::Named(name.to_owned());
    }
    let Some((stack, deployed)) = stacks.into_iter().find(|(stack, _)| stack.provides_artifact_bucket) else {
        return Bucket::None;
    };
    let outputs = deployed.map(Stack::outputs).unwrap_or_default();
    let output = outputs.iter().find(|output| output.output_key() == Some(BUCKET_OUTPUT));
    match output.and_then(|output| output.output_value()) {
        Some(name) => Bucket::Named(name.to_owned()),
        None => Bucket::After(stack.name.clone()),
    }
}

/// The template of `stack` where CloudFormation can read it; uploads it if it is large.
pub(super) async fn source(aws: &Aws, stack: &PlannedStack, bucket: &Bucket) -> Result<TemplateSource, DeployError> {
    if !is_large(stack)? {
        return Ok(TemplateSource::Inline(stack.template.clone()));
    }
    match bucket {
        Bucket::Named(name) => upload(aws, stack, name).await.map(TemplateSource::Url),
        Bucket::After(provider) => {
            let reason = format!("stack {provider} is deployed, but has no output {BUCKET_OUTPUT}");
            Err(DeployError::NoArtifactBucket { stack: stack.name.clone(), bytes: stack.template.len(), reason })
        }
        Bucket::None => {
            let reason = "none is configured".to_owned();
            Err(DeployError::NoArtifactBucket { stack: stack.name.clone(), bytes: stack.template.len(), reason })
        }
    }
}

/// Puts the template under the digest of its content, so that a change set can never be made from another one, and returns
/// its URL.
async fn upload(aws: &Aws, stack: &PlannedStack, bucket: &str) -> Result<String, DeployError> {
    let key = format!("templates/{}.yaml", sha256([stack.template.as_str()]));
    let body = ByteStream::from(stack.template.clone().into_bytes());
    let put = aws.s3.put_object().bucket(bucket).key(&key).content_type("application/yaml").body(body);
    put.send().await.map_err(|error| DeployError::call("s3:PutObject", Some(&stack.name), &error))?;
    address(aws, bucket, &key).await
}

/// The object's URL. The address that the SDK itself would use is right for every partition, endpoint and bucket name.
/// CloudFormation reads the object with the caller's permissions, so the signature is not needed and is cut off.
async fn address(aws: &Aws, bucket: &str, key: &str) -> Result<String, DeployError> {
    let signing = PresigningConfig::expires_in(Duration::from_mins(1))
        .map_err(|error| DeployError::Task { reason: error.to_string() })?;
    let signed = aws.s3.get_object().bucket(bucket).key(key).presigned(signing).await;
    let signed = signed.map_err(|error| DeployError::call("s3:GetObject", None, &error))?;
    let url = signed.uri();
    Ok(url.split_once('?').map_or(url, |(address, _)| address).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::Account;
    use aws_sdk_cloudformation::types::Output;

    fn stack(bytes: usize) -> PlannedStack {
        PlannedStack { name: "s".to_owned(), template: "#".repeat(bytes), ..PlannedStack::default() }
    }

    #[tokio::test]
    async fn objects_have_the_address_that_their_partition_and_endpoint_use() {
        let url = async |region: &str, endpoint: Option<&str>| {
            let (region, endpoint_url) = (Some(region.to_owned()), endpoint.map(str::to_owned));
            let account = Account { region, endpoint_url, local: true, ..Account::default() };
            address(&Aws::connect(&account).await.unwrap(), "artifacts", "templates/1.yaml").await.unwrap()
        };
        assert_eq!(url("eu-west-1", None).await, "https://artifacts.s3.eu-west-1.amazonaws.com/templates/1.yaml");
        assert_eq!(url("cn-north-1", None).await, "https://artifacts.s3.cn-north-1.amazonaws.com.cn/templates/1.yaml");
        assert_eq!(
            url("us-east-1", Some("http://127.0.0.1:4599")).await,
            "http://127.0.0.1:4599/artifacts/templates/1.yaml"
        );
    }

    #[test]
    fn the_quotas_are_inclusive() {
        assert!(!is_large(&stack(51_200)).unwrap());
        assert!(is_large(&stack(51_201)).unwrap());
        assert!(is_large(&stack(1_000_000)).unwrap());
        let error = is_large(&stack(1_000_001)).unwrap_err();
        assert!(error.to_string().contains("1000001 bytes"), "{error}");
    }

    #[test]
    fn the_configured_bucket_wins_then_the_provider_s_output() {
        let provider =
            PlannedStack { name: "store".to_owned(), provides_artifact_bucket: true, ..PlannedStack::default() };
        let output = Output::builder().output_key(BUCKET_OUTPUT).output_value("made").build();
        let deployed = Stack::builder().stack_name("store").outputs(output).build();
        assert_eq!(bucket(Some("mine"), [(&provider, None)]), Bucket::Named("mine".to_owned()));
        assert_eq!(bucket(None, [(&provider, Some(&deployed))]), Bucket::Named("made".to_owned()));
        assert_eq!(bucket(None, [(&provider, None)]), Bucket::After("store".to_owned()));
        assert_eq!(bucket(None, []), Bucket::None);
    }
}
