# CloudFront: pages, API and media behind one address.

resource "aws_cloudfront_origin_access_control" "bucket" {
  name                              = var.name
  description                       = "CloudFront reads the bucket in its own name"
  origin_access_control_origin_type = "s3"
  signing_behavior                  = "always"
  signing_protocol                  = "sigv4"
}

# The query holds the signature, which the function checks at each request; what is served does not depend on it. After a
# deletion nothing stays longer than this, even if the invalidation is lost.
resource "aws_cloudfront_cache_policy" "media" {
  name        = "${var.name}-media"
  comment     = "By path alone, 300 s at most"
  min_ttl     = 0
  default_ttl = 300
  max_ttl     = 300

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = false
    enable_accept_encoding_gzip   = false

    cookies_config {
      cookie_behavior = "none"
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

resource "aws_cloudfront_cache_policy" "pages" {
  name        = "${var.name}-pages"
  comment     = "By path and encoding, as long as the page says"
  min_ttl     = 0
  default_ttl = 0
  max_ttl     = 31536000

  parameters_in_cache_key_and_forwarded_to_origin {
    enable_accept_encoding_brotli = true
    enable_accept_encoding_gzip   = true

    cookies_config {
      cookie_behavior = "none"
    }
    headers_config {
      header_behavior = "none"
    }
    query_strings_config {
      query_string_behavior = "none"
    }
  }
}

# Fixed ids of CloudFront's own policies: nothing is cached; everything of the viewer is forwarded but Host, and what the edge
# function added counts as the viewer's.
locals {
  no_caching             = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  all_viewer_except_host = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
}

resource "aws_cloudfront_response_headers_policy" "media" {
  #checkov:skip=CKV_AWS_259:A year of HTTPS for this name; what is said of the owner's other subdomains is not ours to decide.
  name    = "${var.name}-media"
  comment = "CORS on every answer, errors too"

  cors_config {
    access_control_allow_credentials = false
    access_control_max_age_sec       = 86400
    origin_override                  = true

    access_control_allow_headers {
      items = ["Range", "If-Range", "If-None-Match", "If-Modified-Since"]
    }
    access_control_allow_methods {
      items = ["GET", "HEAD", "OPTIONS"]
    }
    access_control_allow_origins {
      items = ["*"]
    }
    access_control_expose_headers {
      items = ["Accept-Ranges", "Content-Length", "Content-Range", "Date", "ETag", "Last-Modified", "Retry-After"]
    }
  }

  # Objects have their own; what has none is an error, or is given one by edge/headers.js.
  custom_headers_config {
    items {
      header   = "Cache-Control"
      value    = "no-store"
      override = false
    }
  }

  security_headers_config {
    content_type_options {
      override = true
    }
    strict_transport_security {
      access_control_max_age_sec = 31536000
      override                   = true
    }
  }
}

resource "aws_cloudfront_response_headers_policy" "pages" {
  #checkov:skip=CKV_AWS_259:A year of HTTPS for this name; what is said of the owner's other subdomains is not ours to decide.
  name    = "${var.name}-pages"
  comment = "What nginx says beside the pages"

  security_headers_config {
    content_security_policy {
      content_security_policy = local.pages_policy
      override                = true
    }
    content_type_options {
      override = true
    }
    frame_options {
      frame_option = "DENY"
      override     = true
    }
    referrer_policy {
      referrer_policy = "same-origin"
      override        = true
    }
    strict_transport_security {
      access_control_max_age_sec = 31536000
      override                   = true
    }
  }
}

resource "aws_cloudfront_distribution" "site" {
  #checkov:skip=CKV_AWS_68:A web ACL costs 8 dollars a month, as much as 100 watched hours do, so it is a variable; sign-in is throttled and media is signed.
  #checkov:skip=CKV2_AWS_47:The web ACL of waf.tf has the rules for bad inputs, if it is wanted; nothing here runs Java.
  #checkov:skip=CKV_AWS_86:Addresses hold signatures and tokens in their queries; logs.tf keeps paths alone, if that is wanted.
  #checkov:skip=CKV_AWS_310:The bucket is the only copy of the media: there is no second origin to fail over to.
  #checkov:skip=CKV_AWS_374:Members may be anywhere.
  comment             = var.name
  enabled             = true
  http_version        = "http2and3"
  is_ipv6_enabled     = true
  price_class         = var.price_class
  aliases             = var.domain == null ? [] : [var.domain]
  default_root_object = "index.html"
  web_acl_id          = one(aws_wafv2_web_acl.site[*].arn)

  origin {
    origin_id                = "media"
    domain_name              = aws_s3_bucket.main.bucket_regional_domain_name
    origin_access_control_id = aws_cloudfront_origin_access_control.bucket.id
  }

  origin {
    origin_id                = "pages"
    domain_name              = aws_s3_bucket.main.bucket_regional_domain_name
    origin_path              = "/pages"
    origin_access_control_id = aws_cloudfront_origin_access_control.bucket.id
  }

  origin {
    origin_id   = "api"
    domain_name = local.api_origin.domain
    origin_path = local.api_origin.path

    custom_origin_config {
      http_port              = local.api_origin.port
      https_port             = 443
      origin_protocol_policy = local.api_origin.protocol
      origin_ssl_protocols   = ["TLSv1.2"]
    }
  }

  default_cache_behavior {
    target_origin_id           = "pages"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = aws_cloudfront_cache_policy.pages.id
    response_headers_policy_id = aws_cloudfront_response_headers_policy.pages.id

    function_association {
      event_type   = "viewer-request"
      function_arn = aws_cloudfront_function.edge.arn
    }
  }

  # All methods, so that the function answers 405 with CORS, and not CloudFront 403 without.
  dynamic "ordered_cache_behavior" {
    for_each = local.edge_prefixes

    content {
      path_pattern               = "/${ordered_cache_behavior.value}/*"
      target_origin_id           = "media"
      viewer_protocol_policy     = "https-only"
      allowed_methods            = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
      cached_methods             = ["GET", "HEAD"]
      compress                   = false
      cache_policy_id            = aws_cloudfront_cache_policy.media.id
      response_headers_policy_id = aws_cloudfront_response_headers_policy.media.id

      function_association {
        event_type   = "viewer-request"
        function_arn = aws_cloudfront_function.edge.arn
      }
      function_association {
        event_type   = "viewer-response"
        function_arn = aws_cloudfront_function.headers.arn
      }
    }
  }

  dynamic "ordered_cache_behavior" {
    for_each = ["/api/*", "/s/*", "/embed/*", "/healthz"]

    content {
      path_pattern             = ordered_cache_behavior.value
      target_origin_id         = "api"
      viewer_protocol_policy   = "https-only"
      allowed_methods          = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
      cached_methods           = ["GET", "HEAD"]
      compress                 = false
      cache_policy_id          = local.no_caching
      origin_request_policy_id = local.all_viewer_except_host

      function_association {
        event_type   = "viewer-request"
        function_arn = aws_cloudfront_function.edge.arn
      }
    }
  }

  # A refusal or a missing object is asked for again at once.
  dynamic "custom_error_response" {
    for_each = [403, 404, 500, 502, 503, 504]

    content {
      error_code            = custom_error_response.value
      error_caching_min_ttl = 0
    }
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  # CloudFront's own name cannot be given a minimum.
  viewer_certificate {
    cloudfront_default_certificate = var.domain == null
    acm_certificate_arn            = local.certificate
    ssl_support_method             = var.domain == null ? null : "sni-only"
    minimum_protocol_version       = var.domain == null ? "TLSv1" : "TLSv1.2_2021"
  }
}
