// Starts Swagger UI on the page of the API's description.
SwaggerUIBundle({
  dom_id: "#swagger-ui",
  url: document.getElementById("swagger-ui").dataset.openapi,
  deepLinking: true,
  docExpansion: "list",
  validatorUrl: null,
});
