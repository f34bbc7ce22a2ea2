/* Message kinds of the admin actor: apart from the actor, so that a sender links without it. */
#include "actors/admin/admin.h"

MSG_DEFINE(ADMIN_PROTOCOL)
