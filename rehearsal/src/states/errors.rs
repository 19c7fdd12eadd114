//! Names of AWS errors as Step Functions shows them: the service, a dot, and the exception's class in the Java SDK
//! (Step Functions developer guide, AWS SDK integrations).

use super::TaskError;
use super::integration::{Client, Integration};
use crate::aws::{AwsError, ErrorKind};

/// Errors in the models of the services' APIs (botocore 1.44), each with its code after `=` where that differs. A code
/// that is none of them is the service's base exception.
const CLOUDWATCH: &str = "\
    ConcurrentModificationException ConflictException DashboardInvalidInputError=InvalidParameterInput \
    DashboardNotFoundError=ResourceNotFound InternalServiceFault=InternalServiceError \
    InvalidFormatFault=InvalidFormat InvalidNextToken \
    InvalidParameterCombinationException=InvalidParameterCombination \
    InvalidParameterValueException=InvalidParameterValue KmsAccessDeniedException KmsKeyDisabledException \
    KmsKeyNotFoundException LimitExceededException LimitExceededFault=LimitExceeded \
    MissingRequiredParameterException=MissingParameter ResourceConflict ResourceNotFound ResourceNotFoundException \
    ValidationException=ValidationError";
const DYNAMODB: &str = "\
    BackupInUseException BackupNotFoundException ConditionalCheckFailedException \
    ContinuousBackupsUnavailableException DuplicateItemException ExportConflictException ExportNotFoundException \
    GlobalTableAlreadyExistsException GlobalTableNotFoundException IdempotentParameterMismatchException \
    ImportConflictException ImportNotFoundException IndexNotFoundException InternalServerError \
    InvalidExportTimeException InvalidRestoreTimeException ItemCollectionSizeLimitExceededException \
    LimitExceededException PointInTimeRecoveryUnavailableException PolicyNotFoundException \
    ProvisionedThroughputExceededException ReplicaAlreadyExistsException ReplicaNotFoundException \
    ReplicatedWriteConflictException RequestLimitExceeded ResourceInUseException ResourceNotFoundException \
    TableAlreadyExistsException TableInUseException TableNotFoundException ThrottlingException \
    TransactionCanceledException TransactionConflictException TransactionInProgressException";
const SNS: &str = "AuthorizationErrorException=AuthorizationError ConcurrentAccessException=ConcurrentAccess \
    EndpointDisabledException=EndpointDisabled FilterPolicyLimitExceededException=FilterPolicyLimitExceeded \
    InternalErrorException=InternalError InvalidParameterException=InvalidParameter \
    InvalidParameterValueException=ParameterValueInvalid InvalidSecurityException=InvalidSecurity \
    InvalidStateException=InvalidState KMSAccessDeniedException=KMSAccessDenied KMSDisabledException=KMSDisabled \
    KMSInvalidStateException=KMSInvalidState KMSNotFoundException=KMSNotFound KMSOptInRequired \
    KMSThrottlingException=KMSThrottling NotFoundException=NotFound OptedOutException=OptedOut \
    PlatformApplicationDisabledException=PlatformApplicationDisabled ResourceNotFoundException=ResourceNotFound \
    SubscriptionLimitExceededException=SubscriptionLimitExceeded ThrottledException=Throttled \
    TopicLimitExceededException=TopicLimitExceeded UserErrorException=UserError ValidationException \
    VerificationException";
/// Those of automations, parameters and documents, and what all operations share.
const SSM: &str = "\
    AccessDeniedException AlreadyExistsException AutomationDefinitionNotApprovedException \
    AutomationDefinitionNotFoundException AutomationDefinitionVersionNotFoundException \
    AutomationExecutionLimitExceededException AutomationExecutionNotFoundException AutomationStepNotFoundException \
    ConflictException DocumentAlreadyExists DocumentLimitExceeded DocumentPermissionLimit \
    DocumentVersionLimitExceeded DuplicateInstanceId HierarchyLevelLimitExceededException \
    HierarchyTypeMismatchException IdempotentParameterMismatch InternalServerError \
    InvalidAutomationExecutionParametersException InvalidAutomationSignalException \
    InvalidAutomationStatusUpdateException InvalidCommandId InvalidDocument InvalidDocumentContent \
    InvalidDocumentVersion InvalidFilter InvalidFilterKey InvalidFilterOption InvalidFilterValue InvalidInstanceId \
    InvalidKeyId InvalidNextToken InvalidParameters InvalidResourceId InvalidResourceType InvalidTarget \
    InvalidTargetMaps ParameterAlreadyExists ParameterLimitExceeded ParameterMaxVersionLimitExceeded \
    ParameterNotFound ParameterPatternMismatchException ParameterVersionNotFound ResourceNotFoundException \
    ServiceQuotaExceededException TargetNotConnected ThrottlingException TooManyTagsError TooManyUpdates \
    UnsupportedParameterType UnsupportedPlatformType ValidationException";
const STEP_FUNCTIONS: &str = "\
    ActivityAlreadyExists ActivityDoesNotExist ActivityLimitExceeded ActivityWorkerLimitExceeded ConflictException \
    ExecutionAlreadyExists ExecutionDoesNotExist ExecutionLimitExceeded ExecutionNotRedrivable InvalidArn \
    InvalidDefinition InvalidExecutionInput InvalidName InvalidOutput InvalidToken KmsAccessDeniedException \
    KmsInvalidStateException KmsThrottlingException MissingRequiredParameter ResourceNotFound \
    ServiceQuotaExceededException StateMachineAlreadyExists StateMachineDeleting StateMachineDoesNotExist \
    StateMachineLimitExceeded StateMachineTypeNotSupported TaskDoesNotExist TaskTimedOut TooManyTags \
    ValidationException";

/// Request ids are no part of what a rehearsal shows.
const REQUEST: &str = "00000000-0000-0000-0000-000000000000";

/// The error of a task that called boto3's `service`, named as the integration that the generated machines use for it
/// names it: `DynamoDB.ConditionalCheckFailedException`, `Ssm.ParameterNotFoundException`,
/// `StepFunctions.ExecutionAlreadyExistsException`. [`super::Execution::answer_call`] knows the task's own integration,
/// and is to be preferred.
#[must_use]
pub fn task_error(service: &str, error: &AwsError) -> TaskError {
    if let Some(integration) = Integration::usual(service) {
        return named(&integration, error);
    }
    // A service that no machine calls, as an SDK integration would name it.
    let mut letters = service.chars();
    let prefix: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    TaskError { error: format!("{prefix}.{}", java_name(&error.code)), cause: error.message.clone() }
}

/// The error of a task of this integration.
pub(super) fn named(integration: &Integration, error: &AwsError) -> TaskError {
    let prefix = integration.prefix();
    if error.kind == ErrorKind::Timeout {
        return TaskError {
            error: format!("{prefix}.SdkClientException"),
            cause: "Unable to execute HTTP request: Read timed out".to_owned(),
        };
    }
    // Optimized integrations of Step Functions and SNS name whatever code comes.
    let class = match shape(integration.client(), &error.code) {
        Some(shape) => java_name(shape),
        None if integration.names_every_code() => java_name(&error.code),
        None => integration.base_exception().to_owned(),
    };
    let status = status(error);
    let cause = match integration.first_sdk() {
        Some(name) => format!(
            "{} (Service: {name}; Status Code: {status}; Error Code: {}; Request ID: {REQUEST}; Proxy: null)",
            error.message, error.code
        ),
        None => format!("{} (Service: {prefix}, Status Code: {status}, Request ID: {REQUEST})", error.message),
    };
    TaskError { error: format!("{prefix}.{class}"), cause }
}

/// Throttling is a 400 in the JSON protocols that these services speak.
fn status(error: &AwsError) -> u16 {
    let code = error.code.as_str();
    let throttled = ["Throttl", "ProvisionedThroughput", "RequestLimit", "TooManyRequests", "LimitExceeded"];
    match error.kind {
        ErrorKind::Server if throttled.iter().any(|part| code.contains(part)) => 400,
        ErrorKind::Server if code.contains("Unavailable") => 503,
        ErrorKind::Server => 500,
        ErrorKind::Client | ErrorKind::Timeout => 400,
    }
}

fn shape(client: Client, code: &str) -> Option<&'static str> {
    let shapes = match client {
        Client::CloudWatch => CLOUDWATCH,
        Client::DynamoDb => DYNAMODB,
        Client::Sns => SNS,
        Client::Ssm => SSM,
        Client::StepFunctions => STEP_FUNCTIONS,
    };
    shapes.split_whitespace().find_map(|shape| {
        let (name, its_code) = shape.split_once('=').unwrap_or((shape, shape));
        (name == code || its_code == code).then_some(name)
    })
}

/// The class of an error in the Java SDK: it ends in Exception, whatever the model's shape ends in.
fn java_name(shape: &str) -> String {
    if shape.ends_with("Exception") {
        shape.to_owned()
    } else {
        format!("{}Exception", shape.strip_suffix("Fault").unwrap_or(shape))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(service: &str, code: &str) -> String {
        task_error(service, &AwsError::client(code, "x")).error
    }

    #[test]
    fn names_are_those_that_the_machines_catch() {
        for (service, code, expected) in [
            ("dynamodb", "ConditionalCheckFailedException", "DynamoDB.ConditionalCheckFailedException"),
            ("dynamodb", "ValidationException", "DynamoDB.AmazonDynamoDBException"),
            ("ssm", "ParameterNotFound", "Ssm.ParameterNotFoundException"),
            ("ssm", "InvalidTarget", "Ssm.InvalidTargetException"),
            ("ssm", "IdempotentParameterMismatch", "Ssm.IdempotentParameterMismatchException"),
            ("ssm", "SomethingNew", "Ssm.SsmException"),
            ("cloudwatch", "LimitExceeded", "CloudWatch.LimitExceededException"),
            ("cloudwatch", "ThrottlingException", "CloudWatch.CloudWatchException"),
            ("stepfunctions", "ExecutionAlreadyExists", "StepFunctions.ExecutionAlreadyExistsException"),
            ("sns", "NotFound", "SNS.NotFoundException"),
        ] {
            assert_eq!(name(service, code), expected);
        }
    }

    #[test]
    fn a_cause_says_whether_it_was_refused() {
        let cause = |error: AwsError| task_error("ssm", &error).cause;
        assert!(cause(AwsError::client("InvalidTarget", "no")).contains("Status Code: 400"));
        assert!(cause(AwsError::server("ThrottlingException", "Rate exceeded")).contains("Status Code: 400"));
        assert!(cause(AwsError::server("InternalServerError", "oops")).contains("Status Code: 500"));
    }

    #[test]
    fn no_answer_is_an_error_of_the_client() {
        let error = AwsError { kind: ErrorKind::Timeout, ..AwsError::client("", "") };
        let error = task_error("ssm", &error);
        assert_eq!(error.error, "Ssm.SdkClientException");
        assert!(!error.cause.contains("Status Code"));
    }
}
