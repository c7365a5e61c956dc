"""The Function URL and its access control: IAM permissions, a token, or none."""

from __future__ import annotations

from typing import Final

from aws_cdk import Annotations, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.encryption import Encryption
from infra.permissions import allow, allow_key
from pneumonia_cli.stack.cors import cors_of
from pneumonia_cli.stack.settings import StackSettings

# 48 random letters and digits give 285 bits. A token without punctuation is safe in every header and shell.
_TOKEN_LENGTH: Final = 48


class Access(Construct):
    """The Function URL of `live_api`, an alias of `api`, and its access control.

    With ``auth`` = iam, AWS checks signatures. With token, AWS admits every request, and the function compares the
    request's bearer token with a secret that only its role may read. With none, requests are not checked.

    Attributes:
        url: the Function URL.
        token: the secret, or None unless ``auth`` is token. Its value is JSON, ``{"token": "..."}``.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StackSettings,
        api: lambda_.Function,
        live_api: lambda_.Alias,
        encryption: Encryption,
    ) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self._key = encryption.data
        self.token = self._token(api) if settings.auth == "token" else None
        self.url = live_api.add_function_url(
            auth_type=(
                lambda_.FunctionUrlAuthType.AWS_IAM if settings.auth == "iam" else lambda_.FunctionUrlAuthType.NONE
            ),
            cors=self._cors(),
        )
        if settings.auth == "iam":
            # This grants lambda:InvokeFunctionUrl and lambda:InvokeFunction. A Function URL refuses callers that lack
            # one of these permissions. With the account as principal, the caller's own IAM policy decides. For an
            # open URL, the construct grants both to everyone.
            self.url.grant_invoke_url(iam.AccountRootPrincipal())
        if settings.auth == "none":
            Annotations.of(self.url).add_warning_v2(
                "pneumonia:public-function-url",
                "auth is 'none': anyone who learns the Function URL can use it, at your cost, and fetch results "
                "whose id they know. Set auth to 'iam' or 'token' unless something in front of it controls access.",
            )

    def _token(self, api: lambda_.Function) -> secretsmanager.Secret:
        token = secretsmanager.Secret(
            self,
            "Token",
            description="Bearer token of the pneumonia API",
            encryption_key=self._key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template="{}",  # noqa: S106 - template for the generated value  # nosec B106
                generate_string_key="token",
                password_length=_TOKEN_LENGTH,
                exclude_punctuation=True,
            ),
            # The token is not user data, so it is deleted with the stack even with retain_data.
            removal_policy=RemovalPolicy.DESTROY,
        )
        api.add_environment("AUTH_SECRET_ID", token.secret_arn)
        # grant_read() would add secretsmanager:DescribeSecret.
        allow(api.role, "ReadToken", ["secretsmanager:GetSecretValue"], [token.secret_arn])
        allow_key(api.role, self._key, "kms:Decrypt", service="secretsmanager")
        return token

    def _cors(self) -> lambda_.FunctionUrlCorsOptions | None:
        cors = cors_of(self._settings)
        if cors is None:
            return None
        return lambda_.FunctionUrlCorsOptions(
            allowed_origins=list(cors.origins),
            allowed_methods=[lambda_.HttpMethod[method] for method in cors.methods],
            allowed_headers=list(cors.headers),
            exposed_headers=list(cors.exposed),
            max_age=Duration.seconds(cors.max_age_seconds),
        )
