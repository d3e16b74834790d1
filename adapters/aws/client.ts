import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';

/**
 * Platform helper: one way to build each client, called only by functions that use it, so that a bundle holds no other.
 * A service that does not answer fails the step, which its workflow tries again; hanging would use up its time.
 */
const settings = () => ({ maxAttempts: 4, requestHandler: { connectionTimeout: 3000, requestTimeout: 20_000 } });

export const dynamoClient = () => new DynamoDBClient(settings());
export const s3Client = () => new S3Client(settings());
export const kmsClient = () => new KMSClient(settings());
export const sfnClient = () => new SFNClient(settings());
export const sqsClient = () => new SQSClient(settings());
export const eventBridgeClient = () => new EventBridgeClient(settings());
export const secretsManagerClient = () => new SecretsManagerClient(settings());
