# One role for each, with no more than it does. ListBucket goes with every reader: without it S3 answers 403 for what is
# missing, and "there is none" could not be told from "not allowed". So each of them can learn names, of accounts too; it
# reads what is listed here and nothing else.

locals {
  assumed_by = {
    for service in ["lambda", "batch", "ecs-tasks", "ec2", "mediaconvert", "scheduler"] : service => jsonencode({
      Version   = "2012-10-17"
      Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "${service}.amazonaws.com" } }]
    })
  }

  catalog = ["catalog/videos/*", "catalog/shards/*", "catalog/waiting/*"]
  # What is in force, and what is if that cannot be read.
  settings = ["settings.json", "settings.last.json"]
  # A record that was set aside is damaged, and not gone.
  aside = ["damaged/catalog/videos/*"]
  # What of the accounts ends by itself.
  passing = ["accounts/sessions/*", "accounts/invitations/*", "accounts/attempts/*"]

  # Objects of the bucket that each may read, write and delete, and those whose uploads in parts it may give up.
  access = {
    stream-info = {
      read  = concat(local.aside, ["catalog/videos/*", "accounts/users/*", "shares/*", "jobs/documents/*"])
      write = [], delete = [], parts = []
    }
    sign-manifest = {
      read  = concat(local.aside, ["catalog/videos/*", "accounts/users/*", "shares/*", "hls/*"])
      write = [], delete = [], parts = []
    }
    api = {
      read   = concat(local.catalog, local.settings, ["catalog/summaries/*", "accounts/*", "shares/*", "jobs/*", "damaged/*", "images/*", "originals/*"])
      write  = concat(local.catalog, local.settings, ["accounts/*", "shares/*", "jobs/*", "damaged/*", "originals/*"])
      delete = concat(local.passing, ["catalog/videos/*", "catalog/waiting/*", "damaged/*", "shares/*", "jobs/documents/*", "jobs/migrations/*"])
      parts  = ["originals/*"]
    }
    # The sweep removes whatever nothing leads to.
    events = {
      read = concat(local.catalog, local.settings, local.passing, [
        "catalog/orphans/*", "catalog/summaries/*", "accounts/quotas/*", "shares/*", "jobs/*", "damaged/*", "hls/*",
        "progressive/*", "images/*", "originals/*"
      ])
      write = concat(local.catalog, ["catalog/orphans/*", "catalog/summaries/*", "accounts/quotas/*", "jobs/*", "hls/*", "images/*"])
      delete = concat(local.catalog, local.passing, [
        "catalog/orphans/*", "damaged/*", "shares/*", "jobs/*", "hls/*", "progressive/*", "images/*", "originals/*"
      ])
      parts = ["hls/*", "progressive/*", "images/*", "originals/*"]
    }
    transcoder = {
      read  = concat(local.catalog, local.aside, local.settings, ["jobs/*", "hls/*", "progressive/*", "originals/*"])
      write = concat(local.catalog, ["jobs/*", "hls/*", "progressive/*", "images/*"])
      # What it wrote before the disk was full or its clip had to be encoded after all.
      delete = ["catalog/waiting/*", "jobs/queue/*", "jobs/leftovers/*", "jobs/migrations/*", "hls/*", "progressive/*", "images/*"]
      parts  = ["hls/*", "progressive/*", "images/*"]
    }
    mediaconvert = {
      read  = ["originals/*", "progressive/*"], write = ["hls/*", "progressive/*", "images/*"], delete = []
      parts = ["hls/*", "progressive/*", "images/*"]
    }
  }

  bucket_statements = {
    for who, may in local.access : who => concat(
      [{
        Sid    = "List", Effect = "Allow", Resource = [aws_s3_bucket.main.arn]
        Action = concat(["s3:ListBucket"], who == "events" ? ["s3:ListBucketMultipartUploads"] : [])
      }],
      [
        for action, prefixes in {
          "s3:GetObject"            = may.read, "s3:PutObject" = may.write, "s3:DeleteObject" = may.delete
          "s3:AbortMultipartUpload" = may.parts, "s3:ListMultipartUploadParts" = may.parts
          } : {
          Sid      = replace(action, "s3:", ""), Effect = "Allow", Action = [action]
          Resource = [for prefix in prefixes : "${aws_s3_bucket.main.arn}/${prefix}"]
        } if length(prefixes) > 0
      ],
    )
  }

  arn = "${var.region}:${data.aws_caller_identity.me.account_id}"

  events_statements = concat(
    [
      {
        Sid    = "Tombstones", Effect = "Allow", Resource = [aws_cloudfront_key_value_store.edge.arn]
        Action = [for verb in ["DescribeKeyValueStore", "ListKeys", "UpdateKeys"] : "cloudfront-keyvaluestore:${verb}"]
      },
      { Sid = "Invalidate", Effect = "Allow", Action = ["cloudfront:CreateInvalidation"], Resource = [aws_cloudfront_distribution.site.arn] },
    ],
    var.job_backend == "batch" ? [
      {
        Sid      = "Jobs", Effect = "Allow", Action = ["batch:SubmitJob", "batch:TerminateJob"]
        Resource = [for kind in ["job-queue/${var.name}-*", "job-definition/${var.name}-*", "job/*"] : "arn:aws:batch:${local.arn}:${kind}"]
      },
      # These have no resource level.
      { Sid = "SeeJobs", Effect = "Allow", Action = ["batch:ListJobs", "batch:DescribeJobs"], Resource = ["*"] },
      ] : [
      {
        Sid      = "Jobs", Effect = "Allow", Action = ["mediaconvert:CreateJob", "mediaconvert:GetJob", "mediaconvert:CancelJob"]
        Resource = ["arn:aws:mediaconvert:${local.arn}:*"]
      },
      # It has no resource level either, and in a statement with resources it would never be allowed.
      { Sid = "Probe", Effect = "Allow", Action = ["mediaconvert:Probe"], Resource = ["*"] },
      { Sid = "PassRole", Effect = "Allow", Action = ["iam:PassRole"], Resource = [aws_iam_role.mediaconvert.arn] },
    ],
  )

  function_statements = {
    for name in keys(local.functions) : name => concat(
      local.bucket_statements[name],
      [{
        Sid      = "Logs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.function[name].arn}:*"]
      }],
      contains(local.with_secrets, name) ? [{
        Sid      = "Secrets", Effect = "Allow", Action = ["ssm:GetParameters"]
        Resource = [for secret in ["secret-key", "secret-key-previous", "hls-signing-secret", "origin-secret", "origin-secret-previous"] : "arn:aws:ssm:${local.arn}:parameter${local.secrets_path}/${secret}"]
      }] : local.events_statements,
    )
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name               = "${var.name}-${each.key}"
  assume_role_policy = local.assumed_by["lambda"]
}

resource "aws_iam_role_policy" "function" {
  for_each = local.functions

  name   = "work"
  role   = aws_iam_role.function[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.function_statements[each.key] })
}

# The transcoder reads strangers' files: it reads no accounts and no shares, and knows no secrets.
resource "aws_iam_role" "transcoder" {
  name               = "${var.name}-transcoder"
  assume_role_policy = local.assumed_by["ecs-tasks"]
}

resource "aws_iam_role_policy" "transcoder" {
  name   = "work"
  role   = aws_iam_role.transcoder.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.bucket_statements["transcoder"] })
}

# Fetches the image and opens the log.
resource "aws_iam_role" "execution" {
  name               = "${var.name}-execution"
  assume_role_policy = local.assumed_by["ecs-tasks"]
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role" "batch" {
  name               = "${var.name}-batch"
  assume_role_policy = local.assumed_by["batch"]
}

resource "aws_iam_role_policy_attachment" "batch" {
  role       = aws_iam_role.batch.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSBatchServiceRole"
}

resource "aws_iam_role" "gpu" {
  count = var.gpu ? 1 : 0

  name               = "${var.name}-gpu"
  assume_role_policy = local.assumed_by["ec2"]
}

resource "aws_iam_role_policy_attachment" "gpu" {
  count = var.gpu ? 1 : 0

  role       = aws_iam_role.gpu[0].name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
}

resource "aws_iam_instance_profile" "gpu" {
  count = var.gpu ? 1 : 0

  name = "${var.name}-gpu"
  role = aws_iam_role.gpu[0].name
}

resource "aws_iam_role" "mediaconvert" {
  name               = "${var.name}-mediaconvert"
  assume_role_policy = local.assumed_by["mediaconvert"]
}

resource "aws_iam_role_policy" "mediaconvert" {
  name   = "work"
  role   = aws_iam_role.mediaconvert.id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.bucket_statements["mediaconvert"] })
}

resource "aws_iam_role" "scheduler" {
  name               = "${var.name}-scheduler"
  assume_role_policy = local.assumed_by["scheduler"]
}

resource "aws_iam_role_policy" "scheduler" {
  name = "work"
  role = aws_iam_role.scheduler.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [aws_lambda_function.function["events"].arn] }]
  })
}
