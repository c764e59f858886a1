/* SPDX-License-Identifier: MIT
 * model/setting.h: settings in JSON. A single one is the keys t, tap and pool of the object, with
 * draws and flip where they are not the usual ones; several are the list "settings" of such
 * objects. */
#ifndef DUET_MODEL_SETTING_H
#define DUET_MODEL_SETTING_H

#include <duet/setting.h>
#include <jansson.h>

/* Adds the settings to the object. Of none, t, tap and pool are 0. */
void duet_settings_put(json_t *object, const duet_settings *settings);
/* Reads them back; none where the object has none. */
DUET_NODISCARD duet_status duet_settings_get(duet_settings *out, const json_t *object);

#endif
