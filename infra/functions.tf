# The functions. Their archives are inputs: ./infra/package builds them.

locals {
  functions = {
    stream-info   = { memory = 256, seconds = 10 }
    sign-manifest = { memory = 512, seconds = 10 }
    # Hashing a password takes 19 MiB and a whole CPU.
    api = { memory = 1024, seconds = 29 }
    # A run takes a bounded part of what is due, and of the walk.
    events = { memory = 512, seconds = 300 }
  }

  # What a task has for its clip: less the image, and what a file system keeps for itself.
  task_disk_bytes = floor((var.task_disk_gib * 0.95 - 4) * 1073741824)

  with_secrets = toset(["stream-info", "sign-manifest", "api"])

  function_environment = {
    for name in keys(local.functions) : name => merge(
      local.bucket_environment,
      {
        PUBLIC_URL        = local.address
        METRICS_NAMESPACE = local.metrics
        JOB_BACKEND       = var.job_backend
        # The list of roots alone: the TLS library would also read its copies in the folder beside it, half of a cold start.
        SSL_CERT_FILE = "/etc/pki/tls/certs/ca-bundle.crt"
        # Presigned uploads go to the bucket itself.
        UPLOAD_URL = "https://s3.${var.region}.amazonaws.com"
      },
      # MediaConvert has no disk that could be too small.
      name == "api" && var.job_backend == "batch" ? { TASK_DISK_BYTES = tostring(local.task_disk_bytes) } : {},
      contains(local.with_secrets, name) ? { SECRETS_PREFIX = local.secrets_path } : local.events_environment,
      local.more_environment,
    )
  }
}

resource "aws_cloudwatch_log_group" "function" {
  #checkov:skip=CKV_AWS_158:Logs hold no secrets; CloudWatch encrypts them with its own key.
  #checkov:skip=CKV_AWS_338:Who watched what is kept no longer than is needed to find a fault.
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_days
}

resource "aws_lambda_function" "function" {
  #checkov:skip=CKV_AWS_50:Traces cost more than the functions; latency is in their metrics.
  #checkov:skip=CKV_AWS_115:The API is throttled at the gateway; a reservation would need a quota that new accounts lack.
  #checkov:skip=CKV_AWS_116:Whatever an event that was lost would have told, the next review or sweep finds by itself.
  #checkov:skip=CKV_AWS_117:They talk to AWS's own services alone; in a VPC they would need a NAT.
  #checkov:skip=CKV_AWS_173:The environment holds no secrets.
  #checkov:skip=CKV_AWS_272:Archives are built beside the deployment, by the same person.
  for_each = local.functions

  function_name    = "${var.name}-${each.key}"
  description      = "Clipset: ${each.key}"
  role             = aws_iam_role.function[each.key].arn
  filename         = "${var.packages}/${each.key}.zip"
  source_code_hash = filebase64sha256("${var.packages}/${each.key}.zip")
  runtime          = "provided.al2023"
  handler          = "bootstrap"
  architectures    = [var.architecture]
  memory_size      = each.value.memory
  timeout          = each.value.seconds

  environment {
    variables = local.function_environment[each.key]
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.function[each.key].name
  }
}
