# The one bucket, which is the whole state (docs/architecture.md).

resource "aws_s3_bucket" "main" {
  #checkov:skip=CKV_AWS_144:One region by design; docs/operations/deploy.md says how to copy the bucket elsewhere.
  #checkov:skip=CKV_AWS_145:S3's own keys. A key of our own costs a dollar a month, and whoever may read the bucket would be let use it.
  #checkov:skip=CKV_AWS_18:Who watched what is not recorded: the log would be a list of members' habits.
  bucket        = local.bucket
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "main" {
  bucket                  = aws_s3_bucket.main.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "main" {
  bucket = aws_s3_bucket.main.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "main" {
  bucket = aws_s3_bucket.main.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# A document that was overwritten or deleted by mistake can be had back for a week.
resource "aws_s3_bucket_versioning" "main" {
  bucket = aws_s3_bucket.main.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "main" {
  #checkov:skip=CKV_AWS_300:The first rule ends them, everywhere; checkov passes over rules that stand beside dynamic ones.
  bucket     = aws_s3_bucket.main.id
  depends_on = [aws_s3_bucket_versioning.main]

  rule {
    id     = "uploads that nobody finished"
    status = "Enabled"
    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = var.original_tiering_days == null ? [] : [var.original_tiering_days]

    content {
      id     = "originals that grow old"
      status = "Enabled"

      filter {
        prefix = "originals/"
      }

      transition {
        days          = rule.value
        storage_class = "INTELLIGENT_TIERING"
      }
    }
  }

  # What was deleted is soon gone for good, and a runner's heartbeats leave no week of versions. Where two rules meet, the shorter
  # time counts.
  dynamic "rule" {
    for_each = local.passing_versions

    content {
      id     = "old versions of ${rule.value}"
      status = "Enabled"

      filter {
        prefix = rule.value
      }

      noncurrent_version_expiration {
        noncurrent_days = 1
      }
    }
  }

  rule {
    id     = "old versions"
    status = "Enabled"
    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 7
    }

    expiration {
      expired_object_delete_marker = true
    }
  }
}

# Browsers send the parts of an upload straight to the bucket, by presigned addresses.
resource "aws_s3_bucket_cors_configuration" "main" {
  bucket = aws_s3_bucket.main.id

  cors_rule {
    allowed_methods = ["PUT", "GET", "HEAD"]
    allowed_origins = [local.address]
    allowed_headers = ["*"]
    expose_headers  = ["ETag", "Content-Length"]
    max_age_seconds = 86400
  }
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.main.arn, "${aws_s3_bucket.main.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    sid       = "EdgeReads"
    actions   = ["s3:GetObject"]
    resources = [for prefix in concat(local.edge_prefixes, ["pages"]) : "${aws_s3_bucket.main.arn}/${prefix}/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudfront_distribution.site.arn]
    }
  }

  # So that a missing object is 404 and not 403. No address leads to a listing: the edge function lets nothing pass to the
  # bucket but names of objects, and queries are not forwarded.
  statement {
    sid       = "EdgeSeesWhatIsMissing"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.main.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudfront_distribution.site.arn]
    }
  }
}

resource "aws_s3_bucket_policy" "main" {
  bucket     = aws_s3_bucket.main.id
  policy     = data.aws_iam_policy_document.bucket.json
  depends_on = [aws_s3_bucket_public_access_block.main]
}
