/** Made from functions/api/openapi.json by `npm run api`. */
export const limits = {
  "NewInvitation": {
    "email": {
      "maxLength": 254
    }
  },
  "NewShare": {
    "expires_in": {
      "minimum": 60,
      "maximum": 316224000
    },
    "password": {
      "minLength": 1,
      "maxLength": 256
    }
  },
  "PasswordChange": {
    "new_password": {
      "minLength": 8,
      "maxLength": 256
    }
  },
  "Registration": {
    "password": {
      "minLength": 8,
      "maxLength": 256
    }
  },
  "VideoChange": {
    "description": {
      "maxLength": 2000
    },
    "expire_after_days": {
      "minimum": 0,
      "maximum": 36500
    },
    "title": {
      "minLength": 1,
      "maxLength": 200
    }
  }
} as const
