/* GET /openapi.json, from the tables of routes, parameters, bodies and limits, and objects.json. Private to
 * the API.
 */
#ifndef CORRAL_CONTROLLER_API_API_OPENAPI_H
#define CORRAL_CONTROLLER_API_API_OPENAPI_H

/* The document's text; the caller frees it. Aborts if the embedded objects.json is not JSON. */
char *api_openapi_text(void);

#endif
