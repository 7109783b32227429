// Starts Swagger UI; a file of its own, because the page's content security policy allows no script inside it.
SwaggerUIBundle({ url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true });
