output "address" {
  description = "Where Clipset is."
  value       = local.address
}

output "next_step" {
  description = "What is to be done now."
  value       = "Write the secrets with `./infra/secrets make`, make the first administrator with `BUCKET=${aws_s3_bucket.main.id} AWS_REGION=${var.region} clipset user add NAME --role admin`, then open ${local.address}"
}

output "bucket" {
  description = "The bucket: everything there is."
  value       = aws_s3_bucket.main.id
}

output "distribution" {
  description = "CloudFront's own name, for the DNS record of a domain of your own."
  value       = aws_cloudfront_distribution.site.domain_name
}

output "distribution_id" {
  description = "For invalidations by hand."
  value       = aws_cloudfront_distribution.site.id
}

output "secrets_path" {
  description = "Where ./infra/secrets writes to in Parameter Store."
  value       = local.secrets_path
}

output "edge_store" {
  description = "The key value store that ./infra/secrets writes to."
  value       = aws_cloudfront_key_value_store.edge.arn
}

output "region" {
  description = "Of everything but CloudFront."
  value       = var.region
}
