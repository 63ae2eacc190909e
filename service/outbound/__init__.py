"""Back to the ad platforms: which conversions their clicks brought, as they take it."""
