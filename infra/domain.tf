# An address of one's own, wholly from here where its zone is in Route 53.

locals {
  with_zone   = var.zone == null ? 0 : 1
  certificate = var.zone == null ? var.certificate_arn : one(aws_acm_certificate_validation.domain[*].certificate_arn)
  proof       = one(flatten(aws_acm_certificate.domain[*].domain_validation_options))
}

data "aws_route53_zone" "domain" {
  count = local.with_zone
  name  = var.zone
}

# CloudFront takes certificates of this region alone.
resource "aws_acm_certificate" "domain" {
  count    = local.with_zone
  provider = aws.us_east_1

  domain_name       = var.domain
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

# It stays, for the certificate is renewed by it each year.
resource "aws_route53_record" "proof" {
  count = local.with_zone

  zone_id         = data.aws_route53_zone.domain[0].zone_id
  name            = local.proof.resource_record_name
  type            = local.proof.resource_record_type
  records         = [local.proof.resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "domain" {
  count    = local.with_zone
  provider = aws.us_east_1

  certificate_arn         = aws_acm_certificate.domain[0].arn
  validation_record_fqdns = [aws_route53_record.proof[0].fqdn]
}

resource "aws_route53_record" "domain" {
  for_each = var.zone == null ? toset([]) : toset(["A", "AAAA"])

  zone_id = data.aws_route53_zone.domain[0].zone_id
  name    = var.domain
  type    = each.value

  alias {
    name                   = aws_cloudfront_distribution.site.domain_name
    zone_id                = aws_cloudfront_distribution.site.hosted_zone_id
    evaluate_target_health = false
  }
}
