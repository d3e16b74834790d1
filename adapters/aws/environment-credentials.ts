/**
 * Platform helper: stands in for the SDK's chain of credential providers in bundles (`infra/bundle.ts`). A function takes
 * its role from the environment that Lambda gives it and from nowhere else: no profile, no metadata service, no login.
 */
export const defaultProvider = () => async () => {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN } = process.env;
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new Error('the environment holds no credentials of a role');
  return { accessKeyId, secretAccessKey, ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}) };
};
