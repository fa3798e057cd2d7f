/* GET /openapi.json, from the tables of routes, parameters and bodies. Private to the API. */
#ifndef CORRAL_CONTROLLER_API_API_OPENAPI_H
#define CORRAL_CONTROLLER_API_API_OPENAPI_H

#include "controller/api/api_route.h"

/* The document's text; the caller frees it. Aborts if the embedded objects are not JSON. */
char *api_openapi_text(const struct api_routes *routes);

#endif
